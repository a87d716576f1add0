import { liveMigrateInstance } from "@drover/contracts";
import { LibvirtError } from "@drover/libvirt";
import { type Logger, silentLogger } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { expect, it } from "vitest";
import { startBroker } from "./broker.ts";
import { startMovablePlane } from "./movable-plane.ts";

const TEN_MINUTES_MS = 10 * 60_000;
const FORBIDDEN = LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", "operation failed: nobody may ask for it");

it.each(["amqp", "nats"] as const)(
  "an agent is away for ten minutes, its migration is failed meanwhile, the agent returns, nothing moves (%s)",
  { timeout: 120_000 },
  async (driver) => {
    await using broker = await startBroker(driver);
    await using plane = await startMovablePlane(broker);
    const { fleet, store } = plane;
    const guest = fleet.addGuest({ host: "alpha", name: "stays", memoryMiB: 256 });
    await waitFor("the guest to be known", async () => (await store.guests.byServer(guest)).length > 0);
    // Nobody uses it up: it is still armed at the end.
    fleet.faults.onCall("alpha", "domainMigratePerform3Params", { kind: "refuse", error: FORBIDDEN });
    // The agent goes when it has answered the checks, and before it is told to start.
    fleet.faults.onCall("beta", "domainLookupByUUID", { kind: "delay", delayMs: 1_500 }, 3);
    const { migrationUuid } = await plane.client.call(liveMigrateInstance, {
      serverUuid: guest,
      host: "beta",
      blockMigration: null,
      requestedBy: "test",
      projectId: "test",
    });
    const migration = async () => {
      const found = await store.migrations.get(migrationUuid);
      if (found === undefined) throw new Error("the record is gone");
      return found;
    };
    await waitFor("alpha to have been checked", async () => (await migration()).step === "prepare-destination", {
      intervalMs: 5,
    });
    await plane.stopAgent("alpha");
    expect((await migration()).outputs.move, "the start was asked for too early").toBeUndefined();
    await waitFor("the start to be on its way", async () => (await migration()).outputs.move !== undefined);
    await waitFor("the broker to hold it", async () => (await broker.waitingFor("compute", "alpha")) > 0, {
      intervalMs: 200,
    });
    expect(await store.claims.list()).toMatchObject([{ migrationUuid, host: "beta" }]);

    await plane.pass(TEN_MINUTES_MS);
    // Five tries to reach alpha, with pauses between them, for all that the clock has not passed by then.
    const failed = await waitFor(
      "the migration to be over",
      async () => {
        const found = await migration();
        return found.endedAt === null ? undefined : found;
      },
      { deadlineMs: 30_000 },
    );
    expect(failed).toMatchObject({ state: "failed", outcome: "stayed", failure: { code: "agent-unreachable" } });
    expect(failed.reason).toMatch(/alpha.*away/);
    expect(await broker.waitingFor("compute", "alpha")).toBeGreaterThan(0);
    expect(await store.claims.list()).toEqual([]);
    expect(await plane.preparedOn("beta")).toEqual([]);

    const log: unknown[] = [];
    await plane.startAgent("alpha", recordingLogger(log));
    await waitFor("the agent to take the command", async () => (await broker.waitingFor("compute", "alpha")) === 0, {
      intervalMs: 200,
    });
    expect(log).toContainEqual(
      expect.objectContaining({
        sentence: "a migration was not started",
        migrationId: migrationUuid,
        err: expect.objectContaining({
          cause: expect.objectContaining({ message: expect.stringMatching(/after its time/) }),
        }),
      }),
    );
    // The record is what it was, and the guest where it was, though every report of the agent is in.
    await plane.pass(60_000);
    expect(await migration()).toEqual(failed);
    const sightings = await store.guests.byServer(guest);
    expect(sightings.map(({ host, powerState }) => ({ host, powerState }))).toEqual([
      { host: "alpha", powerState: "running" },
    ]);
    expect(fleet.faults.takeRefusal("alpha", "domainMigratePerform3Params"), "libvirt was asked").toBe(FORBIDDEN);
    expect(await store.claims.list()).toEqual([]);
    expect(await plane.preparedOn("beta")).toEqual([]);
  },
);

/** Keeps what is logged, with its fields. */
function recordingLogger(entries: unknown[]): Logger {
  const keep = (fields: object, sentence: string) => void entries.push({ ...fields, sentence });
  const logger: Logger = { ...silentLogger, info: keep, warn: keep, error: keep, child: () => logger };
  return logger;
}
