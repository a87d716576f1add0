import { liveMigrateInstance } from "@drover/contracts";
import { type Clock, systemClock } from "@drover/model";
import { expect, it, vi } from "vitest";
import { guest, startPlane } from "../suite/scripted-plane.ts";

const TIMES = 20;
const hurried: Clock = {
  now: () => systemClock.now(),
  monotonicMs: () => systemClock.monotonicMs() * TIMES,
  sleep: (ms, signal) => systemClock.sleep(ms / TIMES, signal),
};

it("a migration whose lease has run out is given up, also while its renewal is not answered", async () => {
  const plane = await startPlane(
    { alpha: { start: async ({ migrationUuid }, agent) => agent.report(migrationUuid, "started") } },
    {},
    hurried,
  );
  const { migrations } = plane.store;
  await plane.stopConductor();
  const { promise: held, resolve: answer } = Promise.withResolvers<string[]>();
  const renewal = vi.spyOn(migrations, "renewLeases").mockReturnValue(held);
  const given = vi.spyOn(migrations, "releaseLease");
  await plane.startConductor();
  const { migrationUuid } = await plane.bus.call(liveMigrateInstance, {
    ...{ serverUuid: guest.uuid, host: null, blockMigration: null, requestedBy: "olga", projectId: "admin" },
  });
  await plane.until(migrationUuid, "running");
  await expect.poll(() => given.mock.calls.map(([, uuid]) => uuid)).toContain(migrationUuid);
  expect(renewal).toHaveBeenCalledTimes(1);
  answer([]);
  await plane.close();
});
