import { openSampleFleet, S1 } from "@drover/fleet/testing";
import { silentLogger, systemClock } from "@drover/model";
import { expect, it, vi } from "vitest";
import { RestoredDatabase } from "./restored-database.ts";

it("what another conductor noticed is waited for by all that ask at once, and read anew after it could not be read", async () => {
  await using fleet = await openSampleFleet();
  const migration = await fleet.queued(S1);
  const restored = new RestoredDatabase({ store: fleet.store, clock: systemClock, logger: silentLogger });
  const upToMs = migration.updatedAt.getTime() + 1;
  await fleet.store.hosts.noteRestored(migration.sourceHost, upToMs);
  const reading = vi.spyOn(fleet.store.hosts, "restored").mockRejectedValueOnce(new Error("away"));
  const all = () => Promise.allSettled([1, 2, 3].map(() => restored.upToMs(migration)));
  expect(await all()).toEqual(Array(3).fill({ status: "rejected", reason: new Error("away") }));
  expect(await all()).toEqual(Array(3).fill({ status: "fulfilled", value: upToMs }));
  expect(await all()).toEqual(Array(3).fill({ status: "fulfilled", value: upToMs }));
  expect(reading).toHaveBeenCalledTimes(2);
});

it("a reading that was begun before the time that is asked for does not do", async () => {
  await using fleet = await openSampleFleet();
  const migration = await fleet.queued(S1);
  const restored = new RestoredDatabase({ store: fleet.store, clock: systemClock, logger: silentLogger });
  const { promise: held, resolve: goOn } = Promise.withResolvers<ReadonlyMap<string, number>>();
  vi.spyOn(fleet.store.hosts, "restored").mockReturnValueOnce(held);
  const early = restored.upToMs(migration);
  await systemClock.sleep(1);
  await fleet.store.hosts.noteRestored(migration.sourceHost, 2000);
  const late = restored.upToMs(migration, systemClock.monotonicMs());
  goOn(new Map());
  expect(await early).toBe(0);
  expect(await late).toBe(2000);
});
