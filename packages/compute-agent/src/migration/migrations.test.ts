import {
  findGuest,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  rollbackLiveMigration,
} from "@drover/contracts";
import { LibvirtConnection, LibvirtError, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";
import type { StartCommand } from "./migrations.ts";

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
});

afterEach(async () => {
  await bed.close();
});

/** A guest that writes faster than the link carries: it never converges by itself. */
async function addBusyGuest(name: string): Promise<string> {
  bed.fleet.faults.setLinkBandwidth("h1", "h2", 60);
  return bed.addGuest({ name, touchedMiB: 400, workingSetMiB: 200, dirtyMiBps: 400 });
}

async function start(command: StartCommand): Promise<void> {
  await bed.bus.cast(liveMigration, command, { server: "h1" });
}

async function startAndSeeIt(command: StartCommand): Promise<void> {
  await start(command);
  await eventOf(command, "started");
}

function eventOf({ migrationUuid }: StartCommand, name: string) {
  return waitFor(`the event ${name}`, () =>
    bed.conductor.events.find((event) => event.migrationUuid === migrationUuid && event.event === name),
  );
}

function outcomeOf({ migrationUuid }: StartCommand) {
  return waitFor("the outcome", () => bed.conductor.outcome(migrationUuid), { deadlineMs: 45_000 });
}

async function runsOn(serverUuid: string): Promise<string[]> {
  const found = await Promise.all(
    ["h1", "h2"].map(async (host) => {
      const { guest } = await bed.bus.call(findGuest, { serverUuid, migrationUuid: null }, { server: host });
      return guest?.powerState === "running" ? [host] : [];
    }),
  );
  return found.flat();
}

function control(command: StartCommand, later = 1) {
  const { migrationUuid, serverUuid, serverName, generation } = command;
  return { migrationUuid, serverUuid, serverName, generation: generation + later, notAfterMs: Date.now() + 10_000 };
}

function rollback(command: StartCommand, later = 1) {
  return { ...control(command, later), stayed: false, mayResume: true };
}

describe("a rollback", () => {
  test("calls off a copy that runs all the same, and answers when the guest has stayed", async () => {
    const uuid = await addBusyGuest("called-off");
    const command = bed.startCommand(uuid, "called-off");
    await startAndSeeIt(command);
    await bed.bus.call(rollbackLiveMigration, rollback(command), { server: "h1" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed" });
  });

  test("that is repeated aborts the copy once", async () => {
    const uuid = await addBusyGuest("insisted");
    const command = bed.startCommand(uuid, "insisted");
    await startAndSeeIt(command);
    await Promise.all(
      [1, 2, 3, 4].map((later) => bed.bus.call(rollbackLiveMigration, rollback(command, later), { server: "h1" })),
    );
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "abort-sent"]);
  });

  test("after an abort leaves that abort's answer as it is", async () => {
    const uuid = await addBusyGuest("answered");
    const command = bed.startCommand(uuid, "answered");
    await startAndSeeIt(command);
    // Until the outcome is taken, the agent keeps the migration that has ended among those that it steers.
    bed.conductor.failures = 1_000;
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    await waitFor("the agent to have tried", () => bed.conductor.failures < 1_000);
    await bed.bus.call(rollbackLiveMigration, rollback(command, 2), { server: "h1" });
    await bed.bus.call(rollbackLiveMigration, rollback(command, 3), { server: "h1" });
    bed.conductor.failures = 0;
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "abort-sent"]);
  });

  test("that overtakes the start keeps the guest where it is", async () => {
    const uuid = await addBusyGuest("overtaken");
    const command = bed.startCommand(uuid, "overtaken");
    await bed.bus.call(rollbackLiveMigration, rollback(command), { server: "h1" });
    await start(command);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "never-started" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("of a guest that has left is a doubt, not a yes", async () => {
    const uuid = await bed.addGuest({ name: "gone" });
    const command = bed.startCommand(uuid, "gone");
    await start(command);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    await expect(bed.bus.call(rollbackLiveMigration, rollback(command), { server: "h1" })).rejects.toMatchObject({
      code: "outcome-unknown",
    });
  });
});

describe("a migration", () => {
  test("is reported started, shows progress, and arrives with its last numbers", async () => {
    const uuid = await bed.addGuest({ name: "web" });
    const command = bed.startCommand(uuid, "web");
    await startAndSeeIt(command);
    await waitFor("progress in the cache", async () =>
      (await bed.progress.read([{ migrationUuid: command.migrationUuid, host: "h1" }])).get(command.migrationUuid),
    );
    const outcome = await outcomeOf(command);
    expect(outcome).toMatchObject({ outcome: "arrived", cause: null, error: null, generation: 3, host: "h1" });
    expect(outcome.progress).toMatchObject({ phase: "completed", memoryRemainingBytes: 0 });
    expect(outcome.progress?.downtimeMs).toBeGreaterThan(0);
    expect(await runsOn(uuid)).toEqual(["h2"]);
    const started = await eventOf(command, "started");
    expect(started.flags?.map((flag) => flag.name)).toContain("VIR_MIGRATE_UNDEFINE_SOURCE");
    expect(started.sequence).toBeLessThan(outcome.sequence);
  });

  test("is started once, however often it is asked for", async () => {
    const uuid = await addBusyGuest("twice");
    const command = bed.startCommand(uuid, "twice");
    await startAndSeeIt(command);
    await start(command);
    await start({ ...command, generation: 9 });
    await bed.bus.cast(liveMigrationAbort, control(command, 8), { server: "h1" });
    await outcomeOf(command);
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "abort-sent"]);
  });

  test("is refused while another of the same guest begins", async () => {
    const uuid = await addBusyGuest("wanted");
    const [first, second] = [bed.startCommand(uuid, "wanted"), bed.startCommand(uuid, "wanted")];
    const letGo = bed.holdWrites();
    await start(first);
    await start(second);
    const refused = await outcomeOf(second).finally(letGo);
    expect(refused).toMatchObject({ outcome: "stayed", cause: "never-started" });
    expect(refused.error?.message).toContain(`wanted is in migration ${first.migrationUuid} already`);
    await eventOf(first, "started");
  });

  test("whose reports fail goes on, and they arrive in order when the conductor is back", async () => {
    const uuid = await bed.addGuest({ name: "patient" });
    bed.conductor.failures = 3;
    const command = bed.startCommand(uuid, "patient");
    await start(command);
    await outcomeOf(command);
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started"]);
    expect(await runsOn(uuid)).toEqual(["h2"]);
  });

  test("that libvirt refuses leaves the guest and tells libvirt's reason", async () => {
    const uuid = await bed.addGuest({ name: "lost" });
    const command = bed.startCommand(uuid, "lost");
    const destination = { ...command.destination, libvirtUri: "qemu+tcp://nowhere/system" };
    await start({ ...command, destination });
    const outcome = await outcomeOf(command);
    expect(outcome).toMatchObject({ outcome: "stayed", cause: "failed", error: { code: "libvirt" } });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("of a guest that is not here is never started", async () => {
    const command = bed.startCommand("11111111-1111-4111-8111-111111111111", "ghost");
    await start(command);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "never-started" });
  });

  test("whose abort libvirt answers after the copy has ended was aborted on request", async () => {
    const uuid = await addBusyGuest("answered-late");
    const command = bed.startCommand(uuid, "answered-late");
    await startAndSeeIt(command);
    bed.fleet.faults.onCall("h1", "domainAbortJob", { kind: "delay", delayMs: 1_000 });
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "abort-sent"]);
  });

  test("is not suspended any more to complete it once it is called off", async () => {
    const uuid = await addBusyGuest("overtaken");
    const command = bed.startCommand(uuid, "overtaken");
    await startAndSeeIt(command);
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    const domain = await connection.domain.lookupByUUID(uuid);
    // Before its memory moves a force-complete waits, and does not come to the write.
    await waitFor("its memory to move", async () => {
      const { memoryProcessedBytes = 0 } = await connection.domain.getJobStats(domain);
      return memoryProcessedBytes > 0;
    });
    const letGo = bed.holdWrites();
    await bed.bus.cast(liveMigrationForceComplete, { ...control(command), method: "pause" }, { server: "h1" });
    await bed.bus.cast(liveMigrationAbort, control(command, 2), { server: "h1" });
    await waitFor("the job to end", async () => (await connection.domain.getJobStats(domain)).type === "none");
    letGo();
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
    const refused = await eventOf(command, "force-complete-refused");
    expect(refused.message).toBe("the migration is being aborted");
  });

  test("ends at the policy's time limit, once", async () => {
    const uuid = await addBusyGuest("slow");
    // 0.5 s per GiB, and at least 2 GiB are counted: 1 s.
    const command = bed.startCommand(uuid, "slow", { completionTimeoutSPerGiB: 0.5 });
    await start(command);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "timed-out" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "decision", "abort-sent"]);
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });
});

/** As of a monitor that does not answer. */
function refuseAborts(times: number): void {
  const error = LibvirtError.refusal("VIR_ERR_INTERNAL_ERROR", "internal error: QEMU does not answer");
  bed.fleet.faults.onCall("h1", "domainAbortJob", { kind: "refuse", error }, times);
}

describe("what libvirt has refused", () => {
  test("may be asked for again: the same request is refused once, a newer one is obeyed", async () => {
    const uuid = await addBusyGuest("insisted");
    const command = bed.startCommand(uuid, "insisted");
    await startAndSeeIt(command);
    refuseAborts(1);
    const first = { ...control(command), requestedAtMs: 1 };
    await bed.bus.cast(liveMigrationAbort, first, { server: "h1" });
    await eventOf(command, "abort-refused");
    await bed.bus.cast(liveMigrationAbort, first, { server: "h1" });
    await bed.bus.cast(liveMigrationAbort, { ...first, requestedAtMs: 2 }, { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "abort-refused", "abort-sent"]);
  });

  test("the time limit asks for again, also in an agent that has come back", async () => {
    const uuid = await addBusyGuest("limited");
    const command = bed.startCommand(uuid, "limited", { completionTimeoutSPerGiB: 0.5 });
    refuseAborts(1);
    await start(command);
    await eventOf(command, "abort-refused");
    await bed.stopAgent("h1");
    await bed.startAgent("h1");
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "timed-out" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("the time limit asks for again, also where it was refused only after it had waited for libvirt", async () => {
    const uuid = await addBusyGuest("limited-later");
    const command = bed.startCommand(uuid, "limited-later", { completionTimeoutSPerGiB: 0.5 });
    const notNow = LibvirtError.refusal(
      "VIR_ERR_OPERATION_INVALID",
      "Requested operation is not valid: no job is active",
    );
    bed.fleet.faults.onCall("h1", "domainAbortJob", { kind: "refuse", error: notNow });
    refuseAborts(1);
    await start(command);
    await eventOf(command, "abort-refused");
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "timed-out" });
  });
});

describe("a command that is sent again", () => {
  test("since its answer is late asks libvirt once, and is answered once", async () => {
    const uuid = await addBusyGuest("asked-once");
    const command = bed.startCommand(uuid, "asked-once");
    await startAndSeeIt(command);
    const late = { ...control(command), notAfterMs: Date.now() - 1 };
    for (const again of [control(command), control(command), control(command), late]) {
      await bed.bus.cast(liveMigrationForceComplete, again, { server: "h1" });
    }
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    const answers = bed.conductor.eventNames(command.migrationUuid).filter((event) => event.startsWith("force"));
    expect(answers).toEqual(["force-complete-sent"]);
  });
});

describe.each([
  ["an abort", liveMigrationAbort, "abort-sent"],
  ["a force-complete", liveMigrationForceComplete, "force-complete-sent"],
] as const)("%s", (_, request, sent) => {
  test("that comes again under newer generations is the same request, under way and afterwards", async () => {
    const uuid = await addBusyGuest("asked-again");
    const command = bed.startCommand(uuid, "asked-again");
    await startAndSeeIt(command);
    const again = async (later: number) => {
      const newer = { ...control(command), generation: control(command).generation + later };
      await bed.bus.cast(request, newer, { server: "h1" });
    };
    await again(0);
    await again(1);
    await outcomeOf(command);
    await again(2);
    // Answered after it, by a reply: whatever the request would have said is said.
    const question = { serverUuid: uuid, migrationUuid: command.migrationUuid };
    await waitFor("the migration to be let go of", async () => {
      const { steering } = await bed.bus.call(findGuest, question, { server: "h1" });
      return !steering;
    });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", sent]);
  });
});

describe("abort", () => {
  test("leaves the guest on its source", async () => {
    const uuid = await addBusyGuest("aborted");
    const command = bed.startCommand(uuid, "aborted");
    await startAndSeeIt(command);
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "abort-sent"]);
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("before libvirt has begun is sent as soon as it can be", async () => {
    const uuid = await addBusyGuest("early");
    const command = bed.startCommand(uuid, "early");
    await start(command);
    await waitFor("the agent to steer it", async () => {
      const request = { serverUuid: uuid, migrationUuid: command.migrationUuid };
      return (await bed.bus.call(findGuest, request, { server: "h1" })).steering;
    });
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test.each([
    ["that comes late", { notAfterMs: Date.now() - 1 }],
    ["of an older generation", { generation: 1 }],
  ])("%s is refused and changes nothing", async (_, wrong) => {
    const uuid = await addBusyGuest("kept");
    const command = bed.startCommand(uuid, "kept");
    await startAndSeeIt(command);
    await bed.bus.cast(liveMigrationAbort, { ...control(command), ...wrong }, { server: "h1" });
    const refused = await eventOf(command, "abort-refused");
    expect(refused.generation).toBe(command.generation);
    expect(bed.conductor.outcome(command.migrationUuid)).toBeUndefined();
  });

  test("of a migration that ended is answered", async () => {
    const uuid = await bed.addGuest({ name: "gone" });
    const command = bed.startCommand(uuid, "gone");
    await start(command);
    await outcomeOf(command);
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    expect((await eventOf(command, "abort-refused")).message).toMatch(/ended/);
  });

  test("that overtook its start keeps the migration from starting", async () => {
    const uuid = await bed.addGuest({ name: "overtaken" });
    const command = bed.startCommand(uuid, "overtaken");
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    await eventOf(command, "abort-refused");
    await start(command);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "never-started" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("waits for none of the others while eight guests leave one host", async () => {
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 40);
    const commands = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const uuid = await bed.addGuest({ name: `many${index}`, memoryMiB: 256, dirtyMiBps: 100 });
        return bed.startCommand(uuid, `many${index}`);
      }),
    );
    await Promise.all(commands.map(startAndSeeIt));
    const [chosen] = commands;
    if (chosen === undefined) throw new Error("there are eight");
    await bed.bus.cast(liveMigrationAbort, control(chosen), { server: "h1" });
    expect(await outcomeOf(chosen)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(bed.conductor.outcomes).toHaveLength(1);
  });
});

describe("force-complete", () => {
  test("suspends the guest until its memory has arrived; then it runs on the destination", async () => {
    const uuid = await addBusyGuest("forced");
    const command = bed.startCommand(uuid, "forced");
    await startAndSeeIt(command);
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    expect(bed.conductor.eventNames(command.migrationUuid)).toEqual(["started", "force-complete-sent"]);
    expect(await runsOn(uuid)).toEqual(["h2"]);
  });

  test("switches to post-copy where the policy permits it", async () => {
    const uuid = await addBusyGuest("post");
    const command = bed.startCommand(uuid, "post", { permitPostCopy: true });
    await startAndSeeIt(command);
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    expect([...bed.conductor.eventNames(command.migrationUuid)].sort()).toEqual([
      "force-complete-sent",
      "post-copy",
      "started",
    ]);
    expect(await runsOn(uuid)).toEqual(["h2"]);
  });

  test("and then abort: the guest that was suspended runs again on its source", async () => {
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 10);
    const uuid = await bed.addGuest({ name: "torn", touchedMiB: 400, workingSetMiB: 200, dirtyMiBps: 400 });
    const command = bed.startCommand(uuid, "torn");
    await startAndSeeIt(command);
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    await eventOf(command, "force-complete-sent");
    await bed.bus.cast(liveMigrationAbort, control(command, 2), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("and then abort and rollback: a guest that a person paused stays paused", async () => {
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 10);
    const uuid = await bed.addGuest({ name: "held", touchedMiB: 400 });
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    const domain = await connection.domain.lookupByUUID(uuid);
    await connection.domain.suspend(domain);
    const command = bed.startCommand(uuid, "held");
    await startAndSeeIt(command);
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    expect((await eventOf(command, "force-complete-sent")).message).toBe("the guest is paused already");
    await bed.bus.cast(liveMigrationAbort, control(command, 2), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    await bed.bus.call(rollbackLiveMigration, rollback(command, 3), { server: "h1" });
    expect((await connection.domain.getState(domain)).state).toBe(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED);
  });
});

describe("a restarted agent", () => {
  test("takes its migration up again, and an abort still reaches it", async () => {
    const uuid = await addBusyGuest("carried");
    const command = bed.startCommand(uuid, "carried");
    await startAndSeeIt(command);
    await bed.stopAgent("h1");
    bed.conductor.events.length = 0;
    await bed.startAgent("h1");
    const again = await eventOf(command, "started");
    expect(again.sequence).toBeGreaterThan(1_000_000);
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("calls aborted what was called off by an abort whose answer it did not live to see", async () => {
    const uuid = await addBusyGuest("called-off");
    const command = bed.startCommand(uuid, "called-off");
    await startAndSeeIt(command);
    bed.fleet.faults.onCall("h1", "domainAbortJob", { kind: "delay", delayMs: 60_000 });
    await bed.bus.cast(liveMigrationAbort, control(command), { server: "h1" });
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    const domain = await connection.domain.lookupByUUID(uuid);
    await waitFor("the job to end", async () => (await connection.domain.getJobStats(domain)).type === "none");
    await bed.stopAgent("h1");
    await bed.startAgent("h1");
    await bed.bus.cast(liveMigrationAbort, control(command, 2), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("settles a migration that ended meanwhile, and says so when it cannot know", async () => {
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 5);
    const uuid = await bed.addGuest({ name: "meanwhile", touchedMiB: 300 });
    const command = bed.startCommand(uuid, "meanwhile");
    await startAndSeeIt(command);
    await bed.stopAgent("h1");
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 1_000);
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    await waitFor("the guest to have left", async () => (await connection.domain.listAll()).length === 0);
    await bed.startAgent("h1");
    // The source's libvirt forgot the guest with its job: only the destination can tell, and the conductor asks it.
    expect(await outcomeOf(command)).toMatchObject({ outcome: "unknown", error: { code: "outcome-unknown" } });
  });

  test("never steers a job it did not start", async () => {
    const uuid = await addBusyGuest("foreign");
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    const domain = await connection.domain.lookupByUUID(uuid);
    const moving = connection.migration.perform3Params(domain, bed.fleet.host("h2").peerUri, {}, 1 + 2 + 8 + 16);
    moving.catch(() => {});
    await waitFor("the report of it", async () => {
      const answer = await bed.bus.call(findGuest, { serverUuid: uuid, migrationUuid: null }, { server: "h1" });
      return answer.job === "outgoing" && !answer.steering;
    });
    await bed.stopAgent("h1");
    await bed.startAgent("h1");
    expect(bed.conductor.events).toEqual([]);
    await using other = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    expect((await other.domain.getJobStats(domain)).type).toBe("unbounded");
    await other.domain.abortJob(domain);
    await expect(moving).rejects.toMatchObject({ code: "libvirt" });
  });
});

test("reports of a host carry its guests, and follow them", async () => {
  const uuid = await bed.addGuest({ name: "seen", memoryMiB: 256 });
  await waitFor("the guest to be reported", () => bed.conductor.guests("h1").some((guest) => guest.uuid === uuid));
  expect(bed.conductor.guests("h1")).toContainEqual(
    expect.objectContaining({ name: "seen", powerState: "running", persistent: true, memoryKiB: 256 * 1024 }),
  );
  const command = bed.startCommand(uuid, "seen");
  await start(command);
  await outcomeOf(command);
  await waitFor("the guest to be reported by its new host", () => {
    const there = bed.conductor.guests("h2").find((guest) => guest.uuid === uuid);
    return there?.powerState === "running" && !bed.conductor.guests("h1").some((guest) => guest.uuid === uuid);
  });
});

describe("a disk that is full", () => {
  test("keeps no outcome from being told, and no agent from going on", async () => {
    const uuid = await bed.addGuest({ name: "untold" });
    const command = bed.startCommand(uuid, "untold");
    bed.conductor.outcomeFailures = 1_000;
    await start(command);
    // Not only has the guest left by then: the agent knows it too.
    await waitFor("the outcome to be told in vain", () => bed.conductor.outcomeFailures < 1_000);
    await bed.stopAgent("h1");
    bed.diskFull = true;
    bed.conductor.outcomeFailures = 0;
    const agent = await bed.startAgent("h1");
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    await waitFor("the agent to go on", () => agent.pingLibvirt().then(() => true));
  });

  test("keeps a copy from beginning, and nothing else happens to the guest", async () => {
    const uuid = await addBusyGuest("unwritten");
    const command = bed.startCommand(uuid, "unwritten");
    bed.diskFull = true;
    await start(command);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "never-started" });
    await bed.bus.call(rollbackLiveMigration, rollback(command), { server: "h1" });
    expect(await runsOn(uuid)).toEqual(["h1"]);
  });

  test("keeps no running copy from being steered, also by an agent that starts then; it is not suspended", async () => {
    const uuid = await addBusyGuest("filled-up");
    const command = bed.startCommand(uuid, "filled-up");
    await startAndSeeIt(command);
    bed.diskFull = true;
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    expect((await eventOf(command, "force-complete-refused")).message).toMatch(/state file cannot be written/);
    expect(await runsOn(uuid)).toEqual(["h1"]);
    await bed.stopAgent("h1");
    await bed.startAgent("h1");
    await bed.bus.cast(liveMigrationAbort, control(command, 2), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
  });
});
