import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationTune,
  postLiveMigration,
  postLiveMigrationAtDestination,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { failedChecks } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentLab, startAgentLab } from "./agent-lab.test.support.ts";

describe("agents on two real hosts", { timeout: 120_000 }, () => {
  let agents: AgentLab;

  beforeAll(async () => {
    agents = await startAgentLab();
  });

  afterAll(async () => {
    expect(await agents.close()).toEqual([]);
  });

  test("a guest is found, checked, moved, and settled; every page of it arrives", async () => {
    const { bus, conductor, source, destination, commandFor, start, happened, outcomeOf, hostsOf } = agents;
    const guest = await source.startGuest({ name: "moved", dirtyMiBps: 10 });
    await waitFor("the guest to be reported", () =>
      conductor.guests(source.name).some((seen) => seen.uuid === guest.uuid && seen.powerState === "running"),
    );
    const command = commandFor(guest);
    const checked = await bus.call(
      checkCanLiveMigrateSource,
      { ...command, blockMigration: null },
      { server: source.name },
    );
    expect(failedChecks(checked.checks)).toEqual([]);
    const { requirements } = checked;
    if (requirements === null) throw new Error("a guest that is here has requirements");
    const offered = await bus.call(
      checkCanLiveMigrateDestination,
      { ...command, sourceHost: source.name, requirements },
      { server: destination.name },
    );
    expect(failedChecks(offered.checks)).toEqual([]);
    expect(offered.memoryAvailableKiB).toBeGreaterThan(requirements.memoryKiB);

    const { counter } = await guest.waitForCounter(2);
    const started = await start(command);
    expect(started.destination.inboundAddress).toBe(destination.migrationAddress);
    await happened(command, "started");
    const outcome = await outcomeOf(command);
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    expect(outcome.progress).toMatchObject({ phase: "completed" });
    expect(outcome.progress?.downtimeMs).toBeGreaterThan(0);
    await bus.call(postLiveMigrationAtDestination, command, { server: destination.name });
    await bus.call(
      postLiveMigration,
      { ...command, removeRemnant: false, removeCopiedDisks: false },
      { server: source.name },
    );

    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    const full = await guest.waitForFullCheck(destination);
    expect(full.badPages).toBe(0);
    expect(full.counter).toBeGreaterThan(counter);
    await destination.virsh("destroy", guest.name);
    await destination.virsh("undefine", guest.name);
  });

  test("an abort leaves the guest on its source and nothing on the destination", async () => {
    const { bus, progress, source, destination, commandFor, start, control, happened, outcomeOf, hostsOf } = agents;
    const guest = await source.startGuest({ name: "aborted", dirtyMiBps: 20 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 5 });
    await happened(command, "started");
    const place = { migrationUuid: command.migrationUuid, host: source.name };
    await waitFor("progress", async () => (await progress.read([place])).size === 1);
    await bus.cast(liveMigrationAbort, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    const proved = { removeRemnant: false, broughtDefinition: "remove" } as const;
    const later = { ...command, generation: command.generation + 2 };
    await bus.call(rollbackLiveMigrationAtDestination, { ...later, ...proved }, { server: destination.name });
    await bus.call(rollbackLiveMigration, { ...later, stayed: false, mayResume: true }, { server: source.name });
    expect(await hostsOf(guest)).toEqual([`${source.name} running`]);
    await source.virsh("destroy", guest.name);
  });

  test.each([
    ["suspending it", false, ["started", "force-complete-sent"]],
    ["post-copy", true, ["started", "force-complete-sent", "post-copy"]],
  ])("force-complete moves a guest that cannot converge, by %s", async (_, permitPostCopy, events) => {
    const { bus, conductor, source, destination, commandFor, start, control, happened, outcomeOf, hostsOf } = agents;
    const guest = await source.startGuest({ name: `forced-${permitPostCopy}`, dirtyMiBps: 60, verifyMiBps: 32 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 20, permitPostCopy, downtimeMs: 20 });
    await happened(command, "started");
    await bus.cast(liveMigrationForceComplete, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    // The switch's event may come before the answer to the call that asked for it.
    expect([...conductor.eventNames(command.migrationUuid)].sort()).toEqual([...events].sort());
    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    expect((await guest.waitForFullCheck(destination)).badPages).toBe(0);
    await destination.virsh("destroy", guest.name);
  });

  test("the busy guest converges under the default policy, without a person", { timeout: 400_000 }, async () => {
    const { conductor, source, destination, commandFor, start, happened, hostsOf } = agents;
    const guest = await source.startGuest({ name: "busy", dirtyMiBps: 50, verifyMiBps: 32 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 20 });
    await happened(command, "started");
    const outcome = await waitFor("the outcome", () => conductor.outcome(command.migrationUuid), {
      deadlineMs: 380_000,
    });
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    expect(outcome.flags?.map(({ name }) => name)).toContain("VIR_MIGRATE_AUTO_CONVERGE");
    const decided = conductor.events.filter(({ migrationUuid }) => migrationUuid === command.migrationUuid);
    console.info(
      `busy: ${outcome.progress?.elapsedMs} ms, pass ${outcome.progress?.iteration}, standstill ` +
        `${outcome.progress?.downtimeMs} ms; ${decided.map((one) => JSON.stringify([one.message, one.numbers])).join("; ")}`,
    );
    expect(await hostsOf(guest)).toEqual([`${destination.name} running`]);
    expect((await guest.waitForFullCheck(destination)).badPages).toBe(0);
    await destination.virsh("destroy", guest.name);
  });

  test("limits are changed while a real copy runs", async () => {
    const { bus, source, destination, commandFor, start, control, happened, outcomeOf } = agents;
    const guest = await source.startGuest({ name: "tuned", dirtyMiBps: 20 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 5 });
    await happened(command, "started");
    const limits = { number: 1, bandwidthMiBps: 0, downtimeMs: 400 };
    await bus.cast(liveMigrationTune, { ...control(command), ...limits }, { server: source.name });
    await happened(command, "tuned");
    expect(await outcomeOf(command)).toMatchObject({ outcome: "arrived" });
    await destination.virsh("destroy", guest.name);
    await destination.virsh("undefine", guest.name).catch(() => {});
  });

  test("a restarted agent takes its migration up again and reports its end", async () => {
    const { bus, conductor, source, commandFor, start, control, happened, outcomeOf, hostsOf } = agents;
    const guest = await source.startGuest({ name: "carried", dirtyMiBps: 20 });
    const command = commandFor(guest);
    await start(command, { bandwidthMiBps: 5 });
    await happened(command, "started");
    await agents.stopAgent(source);
    conductor.events.length = 0;
    await agents.startAgent(source);
    await happened(command, "started");
    await bus.cast(liveMigrationAbort, control(command), { server: source.name });
    expect(await outcomeOf(command)).toMatchObject({ outcome: "stayed", cause: "aborted" });
    expect(await hostsOf(guest)).toEqual([`${source.name} running`]);
    await source.virsh("destroy", guest.name);
  });
});
