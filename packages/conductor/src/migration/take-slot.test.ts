import { openSampleFleet, S1, S2 } from "@drover/fleet/testing";
import { systemClock } from "@drover/model";
import { unscrapedMetrics } from "@drover/service-kit";
import { expect, it } from "vitest";
import { migrationMetrics } from "../metrics/migration-metrics.ts";
import { MigrationSignals } from "../work/migration-signals.ts";
import { Turns } from "../work/turns.ts";
import { takeSlot } from "./take-slot.ts";

it("one that others are before in the whole fleet waits for the fleet, and not for its source, which has a slot", async () => {
  await using fleet = await openSampleFleet();
  const { migrations } = fleet.store;
  const [first, second] = [await fleet.queued(S1), await fleet.queued(S2)];
  await migrations.acquireLeases("test", 60_000, 2);
  const told: string[] = [];
  const wait = await takeSlot(
    {
      store: fleet.store,
      signals: new MigrationSignals(systemClock, (uuid) => told.push(uuid)),
      slots: new Turns(1),
      signal: new AbortController().signal,
      metrics: migrationMetrics(unscrapedMetrics()),
      config: { max_concurrent_live_migrations: 5, max_concurrent_migrations: 1 },
    },
    second,
  );
  expect(wait?.wakers).toEqual(["fleet"]);
  expect(told).toEqual([first.uuid]);
  expect((await migrations.get(second.uuid))?.reason).toBe("waits for a slot: 1 migrate at a time in the whole fleet");
});
