import {
  findGuest,
  liveMigration,
  liveMigrationForceComplete,
  liveMigrationResume,
  liveMigrationTune,
} from "@drover/contracts";
import { LibvirtConnection } from "@drover/libvirt";
import type { MigrationPolicy, PolicyStep } from "@drover/model";
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

function step(what: PolicyStep["do"], when: Partial<PolicyStep> = {}): PolicyStep {
  return { do: what, downtimeMs: null, bandwidthMiBps: null, afterSPerGiB: null, stalledIterations: null, ...when };
}

/** Starts moving a guest that writes faster than the link carries, and waits until libvirt copies. */
async function startBusy(name: string, policy: Partial<MigrationPolicy>, linkMiBps = 60): Promise<StartCommand> {
  bed.fleet.faults.setLinkBandwidth("h1", "h2", linkMiBps);
  const uuid = await bed.addGuest({ name, touchedMiB: 60, workingSetMiB: 30, dirtyMiBps: 400 });
  const command = bed.startCommand(uuid, name, { permitAutoConverge: false, schedule: [], ...policy });
  await bed.bus.cast(liveMigration, command, { server: "h1" });
  await eventOf(command, "started");
  return command;
}

function eventOf({ migrationUuid }: StartCommand, name: string, nth = 1) {
  return waitFor(`the event ${name}`, () =>
    bed.conductor.events.filter((event) => event.migrationUuid === migrationUuid && event.event === name).at(nth - 1),
  );
}

function outcomeOf({ migrationUuid }: StartCommand) {
  return waitFor("the outcome", () => bed.conductor.outcome(migrationUuid), { deadlineMs: 45_000 });
}

function decisions({ migrationUuid }: StartCommand) {
  return bed.conductor.events.filter((event) => event.migrationUuid === migrationUuid && event.event === "decision");
}

function control(command: StartCommand, later = 1) {
  const { migrationUuid, serverUuid, serverName, generation } = command;
  return { migrationUuid, serverUuid, serverName, generation: generation + later, notAfterMs: Date.now() + 10_000 };
}

async function allowedDowntimeMs(command: StartCommand): Promise<number> {
  await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
  return await connection.migration.getMaxDowntime(await connection.domain.lookupByUUID(command.serverUuid));
}

async function speedMiBps(command: StartCommand): Promise<number> {
  await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
  return Number(await connection.migration.getMaxSpeed(await connection.domain.lookupByUUID(command.serverUuid)));
}

describe("a schedule", () => {
  test("is taken step by step when the copy stalls, each decision told with its numbers", async () => {
    const stalled = { stalledIterations: 2 };
    const schedule = [step("downtime", { downtimeMs: 60, ...stalled }), step("post-copy", stalled), step("abort")];
    const command = await startBusy("scheduled", { permitPostCopy: true, schedule });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    expect(decisions(command).map(({ message }) => message.replace(/\d+ passes/, "n passes"))).toEqual([
      "step 1 of the policy, downtime: no headway over n passes",
      "step 2 of the policy, post-copy: no headway over n passes",
    ]);
    const numbers = decisions(command)[1]?.numbers;
    expect(numbers).toMatchObject({ downtimeLimitMs: 60, iteration: expect.any(Number) });
    expect(numbers?.stalledIterations).toBeGreaterThanOrEqual(2);
    expect(numbers?.memoryRemainingBytes).toBeGreaterThan(1024 * 1024);
  });

  test("passes over what the start did not permit, and goes on with the next step", async () => {
    const schedule = [step("post-copy", { stalledIterations: 2 }), step("abort")];
    const command = await startBusy("not-permitted", { schedule });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "timed-out" });
    expect(decisions(command).map(({ message }) => message)).toEqual([
      expect.stringMatching(/step 1 of the policy, post-copy: passed over, the copy was not started/),
      "step 2 of the policy, abort: the step before it is behind",
    ]);
  });

  test("is over once the guest was paused, and goes on behind the last step taken after a restart", async () => {
    const schedule = [step("downtime", { downtimeMs: 55 }), step("pause", { afterSPerGiB: 4 }), step("abort")];
    const command = await startBusy("restarted", { schedule }, 30);
    await waitFor("the first step", () => decisions(command).length > 0);
    await bed.stopAgent("h1");
    await bed.startAgent("h1");
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    expect(decisions(command).map(({ message }) => message.split(":")[0])).toEqual([
      "step 1 of the policy, downtime",
      "step 2 of the policy, pause",
    ]);
  });
});

describe("limits that a person sets", () => {
  test("hold at once and after a restart, and the schedule leaves them alone", async () => {
    const schedule = [step("bandwidth", { bandwidthMiBps: 5, afterSPerGiB: 3 })];
    const command = await startBusy("tuned", { schedule });
    const limits = { number: 4, bandwidthMiBps: 20, downtimeMs: 80 };
    await bed.bus.cast(liveMigrationTune, { ...control(command), ...limits }, { server: "h1" });
    expect(await eventOf(command, "tuned")).toMatchObject({
      answers: 4,
      message: "memory is sent at up to 20 MiB/s; a standstill of 80 ms is allowed",
    });
    expect([await allowedDowntimeMs(command), await speedMiBps(command)]).toEqual([80, 20]);
    await waitFor("the step to be passed over", () => decisions(command).length > 0);
    expect(decisions(command)[0]?.message).toMatch(/bandwidth: passed over, a person has set it/);
    await bed.stopAgent("h1");
    await bed.startAgent("h1");
    const again = { number: 5, bandwidthMiBps: 0, downtimeMs: null };
    await bed.bus.cast(liveMigrationTune, { ...control(command, 2), ...again }, { server: "h1" });
    expect((await eventOf(command, "tuned", 2)).message).toBe("memory is sent without a limit");
    expect(await allowedDowntimeMs(command)).toBe(80);
    expect(await speedMiBps(command)).toBeGreaterThan(1_000_000);
    await bed.bus.cast(liveMigrationForceComplete, control(command, 3), { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
  });

  test("are refused once the copy is over, with the request's number", async () => {
    const command = await startBusy("over", {});
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    await outcomeOf(command);
    const limits = { number: 1, bandwidthMiBps: 20, downtimeMs: null };
    await bed.bus.cast(liveMigrationTune, { ...control(command, 2), ...limits }, { server: "h1" });
    expect(await eventOf(command, "tune-refused")).toMatchObject({ answers: 1 });
  });
});

describe("a force-complete that names how", () => {
  test("pauses a guest although post-copy is permitted", async () => {
    const command = await startBusy("paused", { permitPostCopy: true });
    await bed.bus.cast(liveMigrationForceComplete, { ...control(command), method: "pause" }, { server: "h1" });
    expect((await eventOf(command, "force-complete-sent")).message).toMatch(/is suspended/);
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    expect(bed.conductor.eventNames(command.migrationUuid)).not.toContain("post-copy");
  });

  test("is refused where the start did not permit it, and the copy goes on", async () => {
    const command = await startBusy("refused", {});
    await bed.bus.cast(liveMigrationForceComplete, { ...control(command), method: "post-copy" }, { server: "h1" });
    expect((await eventOf(command, "force-complete-refused")).message).toMatch(
      /not started so that it can be switched/,
    );
    await bed.bus.cast(liveMigrationForceComplete, { ...control(command, 2), method: "pause" }, { server: "h1" });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
  });
});

describe("a post-copy whose link broke", () => {
  function mend(): void {
    bed.fleet.faults.setLink("h1", "h2", "up");
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 100);
  }

  async function breakPostCopy(name: string): Promise<StartCommand> {
    const command = await startBusy(name, { permitPostCopy: true }, 2);
    await bed.bus.cast(liveMigrationForceComplete, control(command), { server: "h1" });
    await eventOf(command, "post-copy");
    bed.fleet.faults.setLink("h1", "h2", "reset");
    await eventOf(command, "post-copy-paused");
    await outcomeOf(command);
    return command;
  }

  test("goes on when it is resumed, and its outcome is told", async () => {
    const command = await breakPostCopy("resumed");
    mend();
    await bed.bus.cast(liveMigrationResume, { ...control(command, 2), number: 1 }, { server: "h1" });
    expect(await eventOf(command, "post-copy-resumed")).toMatchObject({ answers: 1 });
    await waitFor("the arrival", () =>
      bed.conductor.outcomes.find((one) => one.migrationUuid === command.migrationUuid && one.outcome === "arrived"),
    );
    const there = await bed.bus.call(
      findGuest,
      { serverUuid: command.serverUuid, migrationUuid: null },
      { server: "h2" },
    );
    expect(there.standing).toBe("running");
  });

  test("says why it cannot be resumed while the link is away, and can be resumed later", async () => {
    const command = await breakPostCopy("away");
    await bed.bus.cast(liveMigrationResume, { ...control(command, 2), number: 1 }, { server: "h1" });
    expect(await eventOf(command, "resume-refused")).toMatchObject({ answers: 1, message: expect.stringMatching(/./) });
    mend();
    await bed.bus.cast(liveMigrationResume, { ...control(command, 3), number: 2 }, { server: "h1" });
    expect(await eventOf(command, "post-copy-resumed")).toMatchObject({ answers: 2 });
  });
});
