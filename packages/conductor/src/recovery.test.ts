import {
  abortMigration,
  liveMigrateInstance,
  reportHeartbeat,
  reportHeldMigrations,
  reportHost,
} from "@drover/contracts";
import { defaultPolicy, type Migration, systemClock } from "@drover/model";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type AgentScript, type Found, guest, otherGuest, type Plane, startPlane } from "./suite/scripted-plane.ts";

const request = { serverUuid: guest.uuid, host: null, blockMigration: null, requestedBy: "olga", projectId: "admin" };
const copies: AgentScript = {
  start: async ({ migrationUuid }, agent) => agent.report(migrationUuid, "started"),
};

let plane: Plane;
afterEach(async () => {
  expect(await plane.store.claims.list()).toEqual([]);
  await plane.close();
});

/** A migration of `web` that runs; what both hosts say of it is asked once its agent has said that it cannot tell. */
async function doubt(source: AgentScript, destination: AgentScript): Promise<string> {
  plane = await startPlane({ alpha: { ...copies, ...source }, beta: destination });
  const { migrationUuid } = await plane.bus.call(liveMigrateInstance, request);
  await plane.until(migrationUuid, "running");
  await plane.alpha.outcome(migrationUuid, { outcome: "unknown", cause: null });
  return migrationUuid;
}

describe("a migration in doubt", () => {
  it("that arrived beside a remnant on its source is completed, and the remnant is let go with the proof", async () => {
    const released: boolean[] = [];
    const uuid = await doubt(
      {
        found: { standing: "paused-by-migration" },
        release: async ({ removeRemnant }) => void released.push(removeRemnant),
      },
      { found: { standing: "running" } },
    );
    const migration = await plane.until(uuid, "completed");
    expect(released).toEqual([true]);
    expect(migration.proof).toMatchObject({
      finding: "foundOnDestination",
      source: { host: "alpha", standing: "paused-by-migration" },
      destination: { host: "beta", standing: "running" },
    });
  });

  it("that stands still on its source runs again only once the destination has said that it has nothing", async () => {
    const asked: boolean[] = [];
    const uuid = await doubt(
      { found: { standing: "paused" }, rollbackAtSource: async ({ mayResume }) => void asked.push(mayResume) },
      { found: [{ standing: "paused-by-migration", job: "incoming" }, { standing: "absent" }] },
    );
    const migration = await plane.until(uuid, "failed");
    expect(asked).toEqual([true]);
    expect(migration.proof).toMatchObject({ finding: "foundOnSource", destination: { standing: "absent" } });
  });

  it("whose guest shut itself off is failed, and says so", async () => {
    const uuid = await doubt({ found: { standing: "off" } }, { found: { standing: "absent" } });
    const migration = await plane.until(uuid, "failed");
    expect(migration.failure?.message).toMatch(/web: the guest was shut off while it was moved/);
  });

  it("whose guest arrived and shut itself off ends there, and its last definition is kept", async () => {
    const asked: string[] = [];
    const uuid = await doubt(
      { found: { standing: "absent" } },
      {
        found: { standing: "off" },
        rollbackAtDestination: async ({ broughtDefinition }) => void asked.push(broughtDefinition),
      },
    );
    const migration = await plane.until(uuid, "failed");
    expect(migration.failure?.message).toMatch(/web: the guest is shut off, on the destination/);
    expect(asked).toEqual(["keep"]);
  });

  it.each([false, true])(
    "whose guest was moved on to a third host keeps what was made for its disks: that host may use it (forced down: %s)",
    async (forcedDown) => {
      const asked: string[] = [];
      const rollbackAtDestination: AgentScript["rollbackAtDestination"] = async ({ broughtDefinition }) =>
        void asked.push(broughtDefinition);
      plane = await startPlane({
        alpha: { ...copies, found: { standing: "off" } },
        beta: { found: { standing: "absent" }, rollbackAtDestination },
      });
      const { migrationUuid } = await plane.bus.call(liveMigrateInstance, request);
      await plane.until(migrationUuid, "running");
      const facts = (await plane.store.hosts.get("beta"))?.facts;
      if (facts === undefined) throw new Error("beta has not reported");
      const gamma = { ...facts, host: "gamma", hostUuid: "6f6e0c5c-0000-4000-8000-00000000000c" };
      const report = { facts: gamma, agentVersion: "test", guests: [guest], recordsSeenAtMs: 0, sequence: 0 };
      await plane.bus.call(reportHost, report);
      await plane.store.hosts.set("gamma", { forcedDown });
      await plane.alpha.outcome(migrationUuid, { outcome: "unknown", cause: null });
      const migration = await plane.until(migrationUuid, "failed");
      expect(migration.proof).toMatchObject({ finding: "foundElsewhere" });
      expect(asked).toEqual(["keep"]);
    },
  );

  it("whose source answers is not lost again and again, though its signs of life do not come through", async () => {
    const found = { standing: "running", job: "outgoing", steering: true } as const;
    plane = await startPlane({ alpha: { ...copies, found } }, { agent_silence_s: 0.2 });
    const { migrationUuid } = await plane.bus.call(liveMigrateInstance, request);
    const before = await plane.until(migrationUuid, "running");
    await expect.poll(() => plane.alpha.received.includes("find")).toBe(true);
    await plane.alpha.outcome(migrationUuid, { outcome: "arrived", cause: null });
    const { generation } = await plane.until(migrationUuid, "completed");
    expect(generation - before.generation).toBeLessThan(5);
  });

  it.each<[string, Found, Found, RegExp]>([
    [
      "runs twice",
      { standing: "running" },
      { standing: "running" },
      /running on the source and running on the destination/,
    ],
    ["runs nowhere", { standing: "absent" }, { standing: "absent" }, /neither host knows the guest/],
  ])("whose guest %s waits in error for a person, and goes on by itself once that is mended", async (...test) => {
    const [, source, destination, says] = test;
    // Asked once each before the person acts; what they say after it is the last of the list.
    const uuid = await doubt(
      { found: [source, { standing: "absent" }] },
      { found: [destination, { standing: "running" }] },
    );
    const stuck = await plane.until(uuid, "error");
    expect(stuck.reason).toMatch(says);
    const log = await plane.store.migrations.readLog(uuid);
    expect(log.map(({ event }) => event).filter((event) => event.startsWith("found"))).toHaveLength(1);
    // A conductor that comes anew asks again, as each does now and then.
    await plane.stopConductor();
    await plane.startConductor();
    expect(await plane.until(uuid, "completed")).toMatchObject({ outcome: "arrived", reason: null, failure: null });
  });

  it("whose post-copy broke says that neither copy may be ended, and completes when it has gone on by itself", async () => {
    const uuid = await doubt(
      { found: [{ standing: "post-copy-broken", job: "outgoing" }, { standing: "off" }] },
      { found: [{ standing: "post-copy-broken" }, { standing: "running" }] },
    );
    expect((await plane.until(uuid, "post-copy-paused")).reason).toMatch(/end neither/);
    await plane.stopConductor();
    await plane.startConductor();
    await plane.until(uuid, "completed");
  });
});

describe("a conductor that stops", () => {
  it("hands over what it works on, and another goes on", async () => {
    plane = await startPlane({ alpha: copies });
    const { migrationUuid } = await plane.bus.call(liveMigrateInstance, request);
    await plane.until(migrationUuid, "running");
    await plane.stopConductor();
    expect(await plane.store.migrations.acquireLeases("nobody", 1, 10)).toHaveLength(1);
    await plane.store.migrations.releaseLease("nobody", migrationUuid);
    await plane.startConductor();
    await plane.alpha.outcome(migrationUuid, { outcome: "arrived", cause: null });
    await plane.until(migrationUuid, "completed");
  });
});

describe("a destination that was claimed by a conductor that died before it recorded it", () => {
  const limits = { memoryKiB: 1_048_576, maxIncoming: 10 };

  /** A migration that is being prepared, and whose claim the record does not know. */
  async function claimed({ uuid, name, memoryKiB }: typeof guest, host: string): Promise<Migration> {
    const { claims, migrations } = plane.store;
    const created = await migrations.create(
      {
        ...{ serverUuid: uuid, serverName: name, memoryKiB, sourceHost: "alpha", requestedHost: null },
        ...{ step: "choose-destination", requestedBy: "olga", projectId: "admin", requestId: "r" },
        policy: defaultPolicy,
      },
      { event: "queued", message: "asked for" },
    );
    const preparing = await migrations.update(created.uuid, created, { state: "preparing" });
    await claims.claim({ migrationUuid: created.uuid, host, memoryKiB }, limits);
    return preparing;
  }

  it("is free while the migration waits for another one", async () => {
    plane = await startPlane({}, { max_concurrent_incoming_migrations: 1 });
    const { claims, migrations } = plane.store;
    await plane.stopConductor();
    const other = await claimed(otherGuest, "beta");
    await migrations.acquireLeases("another conductor", 60_000, 10);
    const { uuid } = await claimed(guest, "gamma");
    await plane.startConductor();
    await vi.waitFor(async () => expect(await migrations.get(uuid)).toMatchObject({ waitsForHosts: ["beta"] }));
    expect((await claims.list()).map(({ host }) => host)).toEqual(["beta"]);
    await plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" });
    await plane.until(uuid, "cancelled");
    await claims.release(other.uuid);
  });

  it("is free once the migration is called off while it waits", async () => {
    plane = await startPlane();
    const { migrations } = plane.store;
    await plane.stopConductor();
    const preparing = await claimed(guest, "gamma");
    await migrations.update(preparing.uuid, preparing, { state: "queued" });
    await migrations.acquireLeases("another conductor", 60_000, 10);
    await plane.startConductor();
    await plane.bus.call(abortMigration, { migrationUuid: preparing.uuid, requestedBy: "olga" });
    await plane.until(preparing.uuid, "cancelled");
  });
});

describe("a database that was restored from a backup", () => {
  /** A record in a state of long ago, written over what became of it since. */
  async function restored(state: "queued" | "preparing" | "running", known: Found["known"] = null): Promise<Migration> {
    plane = await startPlane({ alpha: { found: { standing: "running", known } }, beta: {} });
    await plane.stopConductor();
    const created = await plane.store.migrations.create(
      {
        ...{ serverUuid: guest.uuid, serverName: "web", sourceHost: "alpha", requestedHost: "beta", memoryKiB: 1 },
        ...{
          policy: defaultPolicy,
          step: "choose-destination",
          requestedBy: "olga",
          projectId: "admin",
          requestId: "r",
        },
      },
      { event: "queued", message: "long ago" },
    );
    if (state === "queued") return created;
    const move = { generation: 3, notAfterMs: 0 };
    const outputs = { destination: { libvirtUri: "qemu+tcp://beta/system", inboundAddress: "beta" }, move };
    const late = state === "preparing" ? {} : { step: "move-guest", outputs, destinationHost: "beta" };
    return await plane.store.migrations.update(created.uuid, created, { state, ...late });
  }

  /** An agent's sign of life, by which it is known that records written until now are missing. */
  async function noticed(): Promise<void> {
    await plane.startConductor();
    await systemClock.sleep(2);
    const recordsSeenAtMs = systemClock.now().getTime();
    await plane.bus.call(reportHeartbeat, { host: "alpha", recordsSeenAtMs });
  }

  it("a queued migration is not begun: it may have been called off, or done, since", async () => {
    const { uuid } = await restored("queued");
    await plane.store.hosts.noteRestored("alpha", systemClock.now().getTime() + 1);
    await plane.startConductor();
    const migration = await plane.until(uuid, "cancelled");
    expect(migration.reason).toMatch(/restored from a backup.*ask for it again/);
    expect(plane.alpha.received).not.toContain("start");
    expect(migration.generation).toBeGreaterThan(1_000_000);
  });

  it("one that was being prepared is rolled back", async () => {
    const { uuid } = await restored("preparing");
    await plane.store.hosts.noteRestored("alpha", systemClock.now().getTime() + 1);
    await plane.startConductor();
    expect((await plane.until(uuid, "failed")).failure?.message).toMatch(/restored from a backup/);
    expect(plane.alpha.received).not.toContain("start");
  });

  it("one that ran is decided from what both hosts run", async () => {
    const { uuid } = await restored("running");
    await noticed();
    const migration = await plane.until(uuid, "failed");
    expect(migration.proof).toMatchObject({ finding: "foundOnSource", source: { standing: "running" } });
  });

  it("is noted with the sign of life that shows it, or not at all: a sign of life that cannot be recorded is judged again", async () => {
    await restored("running");
    await plane.startConductor();
    const failing = vi.spyOn(plane.store.hosts, "heartbeat").mockRejectedValueOnce(new Error("the database is away"));
    await systemClock.sleep(2);
    const sign = { host: "alpha", recordsSeenAtMs: systemClock.now().getTime() };
    await expect(plane.bus.call(reportHeartbeat, sign)).rejects.toThrow();
    expect(failing).toHaveBeenCalledTimes(1);
    vi.spyOn(plane.store.hosts, "noteRestored").mockRejectedValue(new Error("the database is away"));
    await plane.bus.call(reportHeartbeat, sign);
    expect(await plane.store.hosts.restored()).toEqual(new Map([["alpha", sign.recordsSeenAtMs]]));
  });

  it("an agent is believed for its own host alone", async () => {
    const { uuid } = await restored("running");
    await plane.startConductor();
    await plane.bus.call(reportHeartbeat, { host: "gamma", recordsSeenAtMs: systemClock.now().getTime() });
    expect(await plane.store.hosts.restored()).toEqual(new Map());
    await noticed();
    expect([...(await plane.store.hosts.restored()).keys()]).toEqual(["alpha"]);
    await plane.until(uuid, "failed");
  });

  it("an agent that says so all the time keeps nobody busy", async () => {
    plane = await startPlane();
    let noticed = 0;
    for (const _ of [1, 2, 3]) {
      await systemClock.sleep(2);
      await plane.bus.call(reportHeartbeat, { host: "alpha", recordsSeenAtMs: systemClock.now().getTime() + 1_000 });
      const upToMs = (await plane.store.hosts.restored()).get("alpha") ?? 0;
      if (upToMs > noticed) noticed = upToMs;
      expect(upToMs).toBe(noticed);
      expect(upToMs).toBeLessThanOrEqual(systemClock.now().getTime());
    }
  });

  it("an agent cannot have a migration recorded of a server that it never had", async () => {
    plane = await startPlane();
    const started = {
      ...{ generation: 5, serverName: "web", destinationHost: "gamma", memoryKiB: 1 },
      ...{ policy: defaultPolicy, flags: [], startedAtMs: 0 },
    };
    const held = [{ migrationUuid: crypto.randomUUID(), serverUuid: guest.uuid, started }];
    const { verdicts } = await plane.bus.call(reportHeldMigrations, { host: "beta", held });
    expect(verdicts).toMatchObject([{ verdict: "no-record" }]);
    expect(await plane.store.migrations.list({})).toEqual([]);
  });

  it("agents that both have a guest that stands still are not told that the other runs it", async () => {
    plane = await startPlane();
    for (const host of ["alpha", "beta"]) {
      const facts = (await plane.store.hosts.get(host))?.facts;
      if (facts === undefined) throw new Error(`${host} has not reported`);
      const guests = [{ ...guest, powerState: "paused" as const }];
      await plane.bus.call(reportHost, { facts, agentVersion: "test", guests, recordsSeenAtMs: 0, sequence: 0 });
    }
    const held = [{ migrationUuid: crypto.randomUUID(), serverUuid: guest.uuid, started: null }];
    for (const host of ["alpha", "beta"]) {
      const { verdicts } = await plane.bus.call(reportHeldMigrations, { host, held });
      expect(verdicts).toMatchObject([{ verdict: "no-record", runsElsewhere: false }]);
    }
  });

  it("a migration that it lost is recorded again from what its agent knows, and followed to its end", async () => {
    plane = await startPlane({ alpha: { found: { standing: "absent" } }, beta: { found: { standing: "running" } } });
    const migrationUuid = crypto.randomUUID();
    const started = {
      ...{ generation: 5, serverName: "web", destinationHost: "beta", memoryKiB: guest.memoryKiB },
      ...{ policy: defaultPolicy, flags: [], startedAtMs: systemClock.now().getTime() },
    };
    const held = [{ migrationUuid, serverUuid: guest.uuid, started }];
    const first = await plane.bus.call(reportHeldMigrations, { host: "alpha", held });
    expect(first.verdicts).toMatchObject([{ migrationUuid, verdict: "in-progress" }]);
    const migration = await plane.until(migrationUuid, "completed");
    expect(migration).toMatchObject({ outcome: "arrived", requestedBy: expect.stringMatching(/record was lost/) });
    const second = await plane.bus.call(reportHeldMigrations, { host: "alpha", held });
    expect(second.verdicts).toMatchObject([{ migrationUuid, verdict: "over", runsElsewhere: false, runsOn: null }]);
    const stranger = [{ migrationUuid: crypto.randomUUID(), serverUuid: guest.uuid, started: null }];
    const third = await plane.bus.call(reportHeldMigrations, { host: "beta", held: stranger });
    expect(third.verdicts).toMatchObject([{ verdict: "no-record", runsElsewhere: true, runsOn: "alpha" }]);
  });
});
