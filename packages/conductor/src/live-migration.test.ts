import {
  abortMigration,
  forceCompleteMigration,
  getMigration,
  listMigrations,
  liveMigrateInstance,
  migrationChanged,
  reportMigrationOutcome,
  tuneMigration,
  updateHost,
} from "@drover/contracts";
import { DroverError, type ObservedGuest } from "@drover/model";
import { afterEach, describe, expect, it } from "vitest";
import { type AgentScript, guest, otherGuest, type Plane, startPlane } from "./suite/scripted-plane.ts";

const request = { serverUuid: guest.uuid, host: null, blockMigration: null, requestedBy: "olga", projectId: "admin" };

const disks: AgentScript["disks"] = [
  {
    ...{ target: "vda", need: "copy", path: "/srv/web.raw", format: "raw", reason: "it is a file" },
    ...{ capacityBytes: 1, writtenBytes: 1, folders: ["/srv", "/base"] },
  },
];

const copies: AgentScript = {
  start: async ({ migrationUuid }, agent) => {
    await agent.report(migrationUuid, "started");
  },
};

let plane: Plane;
afterEach(async () => {
  // Whatever a migration ended in, nothing is held for it.
  expect(await plane.store.claims.list()).toEqual([]);
  await plane.close();
});

async function start(scripts: Parameters<typeof startPlane>[0], config: Record<string, number> = {}): Promise<string> {
  plane = await startPlane(scripts, config);
  const { migrationUuid } = await plane.bus.call(liveMigrateInstance, request);
  return migrationUuid;
}

describe("a live migration", () => {
  it("goes through its steps in order and completes", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    const migration = await plane.until(uuid, "completed");
    expect(migration).toMatchObject({ destinationHost: "beta", outcome: "arrived", step: null, reason: null });
    expect(plane.alpha.received).toEqual(["check-source", "start", "release"]);
    expect(plane.beta.received).toEqual(["check-destination", "prepare", "finish"]);
    const log = (await plane.store.migrations.readLog(uuid)).map((entry) => entry.event);
    expect(log).toEqual([
      "queued",
      "schedule",
      "choose-destination",
      "prepare-destination",
      "move-guest",
      "started",
      "outcome: arrived",
      "finish-destination",
      "done",
    ]);
  });

  it("has the source's storage proved to the destination, and the proof removed when that is prepared", async () => {
    const uuid = await start({ alpha: { ...copies, disks } });
    await plane.until(uuid, "running");
    expect(plane.alpha.received).toEqual(["check-source", "prove /srv /base", "end-proof", "start"]);
    expect(plane.beta.received).toEqual(["check-destination /srv /base", "prepare /srv /base"]);
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
  });

  it.each<[string, Parameters<typeof startPlane>[0]]>([
    ["no host can take it", { beta: { destinationChecks: [{ check: "cpu", passed: false, message: "no avx" }] } }],
    [
      "its destination cannot be prepared",
      { beta: { prepare: () => Promise.reject(new DroverError("refused", "full")) } },
    ],
  ])("has the proof of storage removed where %s", async (_, scripts) => {
    const uuid = await start({ ...scripts, alpha: { disks } });
    await plane.until(uuid, "failed");
    await expect.poll(() => plane.alpha.received).toEqual(["check-source", "prove /srv /base", "end-proof"]);
  });

  it("completes when the outcome overtakes the report that the copy began", async () => {
    const uuid = await start({
      alpha: { start: ({ migrationUuid }, agent) => agent.outcome(migrationUuid, { outcome: "arrived", cause: null }) },
    });
    const migration = await plane.until(uuid, "completed");
    expect(migration.startedAt).not.toBeNull();
  });

  it("reports every failed check of the source and leaves nothing held", async () => {
    const failed = ["usb device", "local disk"].map((message) => ({ check: "x", passed: false, message }));
    const uuid = await start({ alpha: { sourceChecks: failed } });
    const migration = await plane.until(uuid, "failed");
    expect(migration.failure).toMatchObject({
      code: "pre-check-failed",
      message: "web cannot leave alpha: usb device; local disk",
    });
    expect(plane.beta.received).toEqual([]);
  });

  it("says why no host could take it", async () => {
    const uuid = await start({ beta: { destinationChecks: [{ check: "cpu", passed: false, message: "no avx" }] } });
    const migration = await plane.until(uuid, "failed");
    expect(migration.failure).toMatchObject({
      code: "no-eligible-host",
      message: "no host can take web (beta: no avx)",
    });
  });

  it("asks for the rest of a large fleet where none of the best can be had", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `host-${index}`);
    const unfit = { destinationChecks: [{ check: "cpu", passed: false, message: "no avx" }] };
    const others = Object.fromEntries(names.map((name) => [name, unfit]));
    const uuid = await start({ alpha: copies, others, scheduler: { candidates: [...names, "beta"] } });
    expect(await plane.until(uuid, "running")).toMatchObject({ destinationHost: "beta" });
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
    const log = await plane.store.migrations.readLog(uuid);
    expect(log.map(({ message }) => message)).toContainEqual(
      "beta passed every check and is claimed: the best of 61 by the scheduler's weights",
    );
  });

  it("names some of the many hosts that fell out, and counts the others", async () => {
    const eliminated = Array.from({ length: 1_000 }, (_, index) => ({
      host: `h${index}`,
      by: "memory",
      reason: "full",
    }));
    const uuid = await start({ scheduler: { candidates: [], eliminated } });
    const { failure } = await plane.until(uuid, "failed");
    expect(failure?.message).toMatch(/^no host can take web \(h0: full; .*; h9: full; and 990 reasons more\)$/);
    expect(failure?.details).toMatchObject({ eliminated: { length: 50 }, unnamed: 950 });
  });

  it("fails and rolls back when the destination cannot be made ready", async () => {
    const uuid = await start({
      beta: {
        prepare: async () => {
          throw new DroverError("refused", "the pool is full");
        },
      },
    });
    const migration = await plane.until(uuid, "failed");
    expect(migration.reason).toBe("the pool is full");
    expect(plane.beta.received).toEqual(["check-destination", "prepare", "rollback-destination"]);
    expect(plane.alpha.received).toEqual(["check-source"]);
  });

  it("rolls back when libvirt failed: the guest stays", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    await plane.alpha.outcome(uuid, { outcome: "stayed", cause: "failed" });
    expect((await plane.until(uuid, "failed")).outcome).toBe("stayed");
    expect(plane.alpha.received).toContain("rollback-source");
    expect(plane.beta.received).toContain("rollback-destination");
  });

  it("repeats what follows the arrival until it is done", async () => {
    let tries = 0;
    const uuid = await start({
      alpha: copies,
      beta: {
        postAtDestination: async () => {
          tries += 1;
          if (tries < 3) throw new DroverError("libvirt", "busy");
        },
      },
    });
    await plane.until(uuid, "running");
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
    expect(tries).toBe(3);
  });

  it("takes in a repeated outcome once", async () => {
    const uuid = await start({ alpha: copies });
    const { outputs } = await plane.until(uuid, "running");
    const report = {
      migrationUuid: uuid,
      generation: outputs.move?.generation ?? 0,
      host: "alpha",
      sequence: 9,
      outcome: "arrived" as const,
      cause: null,
      error: null,
      progress: null,
    };
    await plane.bus.call(reportMigrationOutcome, report);
    await plane.bus.call(reportMigrationOutcome, report);
    await plane.until(uuid, "completed");
    await plane.bus.call(reportMigrationOutcome, { ...report, sequence: 10, outcome: "stayed", cause: "failed" });
    expect((await plane.until(uuid, "completed")).outcome).toBe("arrived");
  });

  it("ignores an outcome of another attempt", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    await plane.bus.call(reportMigrationOutcome, {
      migrationUuid: uuid,
      generation: 1,
      host: "alpha",
      sequence: 99,
      outcome: "stayed",
      cause: "failed",
      error: null,
      progress: null,
    });
    expect((await plane.store.migrations.get(uuid))?.state).toBe("running");
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
  });
});

describe("an abort", () => {
  it("settles a queued migration at once: nothing is held for it", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_live_migrations: 1 });
    await plane.until(first, "running");
    const { migrationUuid: second } = await plane.bus.call(liveMigrateInstance, {
      ...request,
      serverUuid: otherGuest.uuid,
    });
    await expect
      .poll(async () => (await plane.store.migrations.get(second))?.reason)
      .toBe("waits for a slot: alpha sends 1 at a time");
    await plane.bus.call(abortMigration, { migrationUuid: second, requestedBy: "olga" });
    expect(await plane.until(second, "cancelled")).toMatchObject({ destinationHost: null, step: null });
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    await plane.until(first, "completed");
  });

  it("cuts preparation short and rolls back", async () => {
    const uuid = await start({
      beta: { prepare: (signal) => new Promise((_resolve, reject) => signal.addEventListener("abort", reject)) },
    });
    await plane.until(uuid, "preparing");
    await expect.poll(() => plane.beta.received).toContain("prepare");
    await plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" });
    const migration = await plane.until(uuid, "cancelled");
    expect(migration).toMatchObject({ reason: "aborted on request of olga", abortRequestedBy: "olga", failure: null });
    expect(plane.beta.received).toContain("rollback-destination");
    expect(plane.alpha.received).not.toContain("start");
  });

  it("reaches the source's agent, and is over when libvirt says so", async () => {
    const uuid = await start({
      alpha: {
        ...copies,
        abort: async ({ migrationUuid }, agent) => {
          await agent.report(migrationUuid, "abort-sent");
          await agent.outcome(migrationUuid, { outcome: "stayed", cause: "aborted" });
        },
      },
    });
    await plane.until(uuid, "running");
    const { answer } = await plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" });
    expect(answer).toBe("accepted");
    const migration = await plane.until(uuid, "cancelled");
    expect(migration).toMatchObject({ outcome: "stayed", requestAnswer: "abort-sent" });
  });

  it("that was refused may be asked for again, and forbids nothing meanwhile", async () => {
    let refusals = 1;
    const uuid = await start({
      alpha: {
        ...copies,
        abort: async ({ migrationUuid }, agent) => {
          refusals -= 1;
          if (refusals >= 0) return await agent.report(migrationUuid, "abort-refused");
          await agent.report(migrationUuid, "abort-sent");
          await agent.outcome(migrationUuid, { outcome: "stayed", cause: "aborted" });
        },
      },
    });
    await plane.until(uuid, "running");
    const asked = { migrationUuid: uuid, requestedBy: "olga" };
    await plane.bus.call(abortMigration, asked);
    await expect
      .poll(() => plane.store.migrations.get(uuid))
      .toMatchObject({ requestAnswer: "abort-refused", abortRequestedAt: null });
    await plane.bus.call(tuneMigration, { ...asked, bandwidthMiBps: 200, downtimeMs: null });
    expect(await plane.bus.call(abortMigration, asked)).toEqual({ answer: "accepted" });
    expect(await plane.until(uuid, "cancelled")).toMatchObject({ requestAnswer: "abort-sent" });
  });

  it("is not answered by what the agent says of a force-complete that was asked for before", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    const asked = { migrationUuid: uuid, requestedBy: "olga" };
    await plane.bus.call(forceCompleteMigration, asked);
    await plane.bus.call(abortMigration, asked);
    await plane.alpha.report(uuid, "force-complete-sent");
    expect((await plane.store.migrations.get(uuid))?.requestAnswer).toBeNull();
    await plane.alpha.report(uuid, "abort-sent");
    expect((await plane.store.migrations.get(uuid))?.requestAnswer).toBe("abort-sent");
    await plane.alpha.outcome(uuid, { outcome: "stayed", cause: "aborted" });
    await plane.until(uuid, "cancelled");
  });

  it("keeps its answer and its reason when the agent has more to tell while it is taken back", async () => {
    const uuid = await start({
      alpha: {
        ...copies,
        abort: async ({ migrationUuid }, agent) => {
          await agent.report(migrationUuid, "abort-sent");
          await agent.outcome(migrationUuid, { outcome: "stayed", cause: "aborted" });
          await agent.report(migrationUuid, "abort-refused");
          await agent.report(migrationUuid, "started");
        },
      },
    });
    await plane.until(uuid, "running");
    await plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" });
    const migration = await plane.until(uuid, "cancelled");
    expect(migration).toMatchObject({ requestAnswer: "abort-sent", reason: "aborted on request of olga" });
  });

  it("keeps its reason while taking it back waits; what for is in the log, once for each wait", async () => {
    let failuresLeft = 3;
    const uuid = await start({
      alpha: {
        ...copies,
        abort: async ({ migrationUuid }, agent) => {
          await agent.outcome(migrationUuid, { outcome: "stayed", cause: "aborted" });
        },
      },
      beta: {
        rollbackAtDestination: async () => {
          failuresLeft -= 1;
          if (failuresLeft > 0) throw new DroverError("unavailable", "libvirt is still ending the copy");
        },
      },
    });
    await plane.until(uuid, "running");
    await plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" });
    const migration = await plane.until(uuid, "cancelled");
    expect(migration.reason).toBe("aborted on request of olga");
    const waits = (await plane.store.migrations.readLog(uuid)).filter(({ event }) => event === "wait");
    expect(waits.map(({ message }) => message)).toEqual([expect.stringContaining("still ending the copy")]);
  });

  it("is refused once the guest runs on the destination", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    await plane.alpha.report(uuid, "post-copy");
    await expect(plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" })).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("post-copy"),
    });
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
  });
});

describe("a queue", () => {
  it("moves on as soon as the slot is free", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_live_migrations: 1 });
    await plane.until(first, "running");
    const { migrationUuid: second } = await plane.bus.call(liveMigrateInstance, {
      ...request,
      serverUuid: otherGuest.uuid,
    });
    await expect.poll(async () => (await plane.store.migrations.get(second))?.reason).toContain("waits for a slot");
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    await plane.until(second, "running");
    await plane.alpha.outcome(second, { outcome: "arrived", cause: null });
    await plane.until(second, "completed");
    await plane.until(first, "completed");
  });
});

describe("a queue of several", () => {
  const third: ObservedGuest = { ...otherGuest, uuid: "6f6e0c5c-0000-4000-8000-000000000003", name: "urgent" };
  const ask = async (serverUuid: string, priority = 0) =>
    (await plane.bus.call(liveMigrateInstance, { ...request, serverUuid, priority })).migrationUuid;

  it("lets the one of the larger priority go first, and shows each one's place", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_live_migrations: 1 });
    await plane.until(first, "running");
    await plane.store.guests.replaceSightings("alpha", [guest, otherGuest, third]);
    const low = await ask(otherGuest.uuid);
    await expect.poll(async () => (await plane.store.migrations.get(low))?.reason).toContain("waits for a slot");
    const high = await ask(third.uuid, 10);
    const places = async () =>
      (await plane.bus.call(listMigrations, { status: "queued" })).migrations.map(({ server, priority, queue }) => [
        server.name,
        priority,
        queue,
      ]);
    expect(await places()).toEqual([
      ["urgent", 10, { position: 1, length: 2 }],
      ["db", 0, { position: 2, length: 2 }],
    ]);
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    await plane.until(high, "running");
    expect((await plane.store.migrations.get(low))?.state).toBe("queued");
    expect((await plane.bus.call(getMigration, { migration: low })).migration.queue).toEqual({
      position: 1,
      length: 1,
    });
    await plane.alpha.outcome(high, { outcome: "arrived", cause: null });
    await plane.until(low, "running");
    expect((await plane.bus.call(getMigration, { migration: low })).migration.queue).toBeNull();
    await plane.alpha.outcome(low, { outcome: "arrived", cause: null });
    await plane.until(low, "completed");
  });

  it("moves on when the first of it is called off, and when a host may send more", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_live_migrations: 1 });
    await plane.until(first, "running");
    await plane.store.guests.replaceSightings("alpha", [guest, otherGuest, third]);
    const [low, high] = [await ask(otherGuest.uuid), await ask(third.uuid, 10)];
    await expect.poll(async () => (await plane.store.migrations.get(high))?.reason).toContain("waits for a slot");
    await plane.bus.call(abortMigration, { migrationUuid: high, requestedBy: "olga" });
    await plane.until(high, "cancelled");
    await plane.bus.call(updateHost, { host: "alpha", settings: { maxOutgoingMigrations: 2 }, requestedBy: "olga" });
    await plane.until(low, "running");
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    await plane.alpha.outcome(low, { outcome: "arrived", cause: null });
    await plane.until(low, "completed");
  });

  it("goes on when another conductor has recorded the end of the one before", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_live_migrations: 1 });
    await plane.until(first, "running");
    await plane.store.guests.replaceSightings("alpha", [guest, otherGuest, third]);
    const second = await ask(otherGuest.uuid);
    await expect.poll(async () => (await plane.store.migrations.get(second))?.reason).toContain("waits for a slot");
    const last = await ask(third.uuid);
    await expect.poll(async () => (await plane.store.migrations.get(last))?.reason).toContain("waits for");
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    const running = await plane.until(second, "running");
    const end = { state: "post-migrating", outcome: "arrived", step: "finish-destination" } as const;
    await plane.store.migrations.update(second, running, end, { event: "outcome", message: "arrived" });
    await plane.bus.cast(migrationChanged, { migrationUuid: second }, { fanout: true });
    // Time alone would have it look after a minute.
    await plane.until(last, "running");
    await plane.alpha.outcome(last, { outcome: "arrived", cause: null });
    for (const uuid of [second, last]) await plane.until(uuid, "completed");
  });

  it("waits for the fleet where that has a limit, and says so", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_migrations: 1 });
    await plane.until(first, "running");
    const second = await ask(otherGuest.uuid);
    await expect
      .poll(async () => (await plane.store.migrations.get(second))?.reason)
      .toBe("waits for a slot: 1 migrate at a time in the whole fleet");
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    await plane.until(second, "running");
    await plane.alpha.outcome(second, { outcome: "arrived", cause: null });
    await plane.until(second, "completed");
  });
});

describe("a destination that takes in as many as it may", () => {
  it("is waited for, and the record says so", async () => {
    const first = await start({ alpha: copies }, { max_concurrent_incoming_migrations: 1 });
    await plane.until(first, "running");
    const { migrationUuid: second } = await plane.bus.call(liveMigrateInstance, {
      ...request,
      serverUuid: otherGuest.uuid,
    });
    await expect
      .poll(async () => (await plane.store.migrations.get(second))?.reason)
      .toContain("waits for a host to take in db: beta:");
    // Queued, it holds no slot that others at its source could use.
    expect((await plane.store.migrations.get(second))?.state).toBe("queued");
    await plane.alpha.outcome(first, { outcome: "arrived", cause: null });
    await plane.until(second, "running");
    await plane.alpha.outcome(second, { outcome: "arrived", cause: null });
    await plane.until(second, "completed");
    await plane.until(first, "completed");
  });
});

describe("a force-complete", () => {
  it("is sent to the source's agent", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    await plane.bus.call(forceCompleteMigration, { migrationUuid: uuid, requestedBy: "olga" });
    await expect.poll(() => plane.alpha.received).toContain("force-complete");
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
  });
});

describe("a policy", () => {
  it("is the request's over the configured one, and the record says which value is whose", async () => {
    plane = await startPlane({ alpha: copies });
    const asked = { ...request, policy: { downtimeMs: 120, schedule: [] } };
    const { migrationUuid: uuid } = await plane.bus.call(liveMigrateInstance, asked);
    await plane.until(uuid, "running");
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
    expect(await plane.store.migrations.get(uuid)).toMatchObject({
      policy: { downtimeMs: 120, schedule: [], permitAutoConverge: true },
      policyOrigins: { downtimeMs: "request", schedule: "request", permitAutoConverge: "default" },
    });
  });
});

describe("other limits", () => {
  it("are sent until the answer with their number; an answer to an earlier request is none", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    const asked = { migrationUuid: uuid, requestedBy: "olga" };
    const limits = { bandwidthMiBps: 200, downtimeMs: null };
    await expect(
      plane.bus.call(tuneMigration, { ...asked, bandwidthMiBps: null, downtimeMs: null }),
    ).rejects.toMatchObject({ code: "bad-request" });
    await plane.bus.call(tuneMigration, { ...asked, ...limits });
    await expect.poll(() => plane.alpha.received).toContain("tune 1 200 null");
    await plane.bus.call(tuneMigration, { ...asked, bandwidthMiBps: null, downtimeMs: 80 });
    await expect.poll(() => plane.alpha.received).toContain("tune 2 200 80");
    await plane.alpha.report(uuid, "tuned", 1);
    expect((await plane.store.migrations.get(uuid))?.tuning).toMatchObject({ number: 2, answer: null });
    await plane.alpha.report(uuid, "tuned", 2);
    expect((await plane.store.migrations.get(uuid))?.tuning).toMatchObject({ number: 2, answer: "tuned" });
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
    await expect(plane.bus.call(tuneMigration, { ...asked, ...limits })).rejects.toMatchObject({ code: "refused" });
  });
});

describe("what cannot be asked", () => {
  it("a second migration of a server that migrates", async () => {
    const uuid = await start({ alpha: copies });
    await plane.until(uuid, "running");
    await expect(plane.bus.call(liveMigrateInstance, request)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("web is already migrating"),
      details: { migrationUuid: uuid },
    });
    await plane.alpha.outcome(uuid, { outcome: "arrived", cause: null });
    await plane.until(uuid, "completed");
  });

  it("an unknown server, an unknown host, the host it is on", async () => {
    plane = await startPlane();
    const ask = (change: Partial<typeof request> | { host: string }) =>
      plane.bus.call(liveMigrateInstance, { ...request, ...change });
    await expect(ask({ serverUuid: "6f6e0c5c-0000-4000-8000-00000000dead" })).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(ask({ host: "nohost" })).rejects.toMatchObject({ code: "not-found", details: { host: "nohost" } });
    await expect(ask({ host: "alpha" })).rejects.toMatchObject({ code: "bad-request", details: { field: "host" } });
  });
});

describe("an agent that lost its state file", () => {
  it("does not leave the record running for ever: both hosts are asked", async () => {
    const uuid = await start({ alpha: { ...copies, found: { standing: "running" } } });
    await plane.until(uuid, "running");
    await plane.bus.call(abortMigration, { migrationUuid: uuid, requestedBy: "olga" });
    await expect.poll(async () => (await plane.store.migrations.get(uuid))?.state).toBe("cancelled");
  });
});

describe("a source that falls silent", () => {
  it("has both hosts asked, and the record follows what they run", async () => {
    const uuid = await start(
      { alpha: { ...copies, found: { standing: "absent" } }, beta: { found: { standing: "running" } } },
      { agent_silence_s: 0.2 },
    );
    const migration = await plane.until(uuid, "completed");
    expect(migration.outcome).toBe("arrived");
    expect(plane.alpha.received).toContain("find");
    expect(plane.beta.received).toContain("find");
  });

  it("leaves the guest where it is when it never left", async () => {
    const uuid = await start({ alpha: { found: { standing: "running" } } }, { start_timeout_s: 0.2 });
    const migration = await plane.until(uuid, "failed");
    expect(migration).toMatchObject({ outcome: "stayed" });
    expect(migration.failure?.code).toBe("outcome-unknown");
  });
});
