import { randomBytes } from "node:crypto";
import {
  checkCanLiveMigrateSource,
  findGuest,
  liveMigration,
  liveMigrationForceComplete,
  preLiveMigration,
} from "@drover/contracts";
import { LibvirtConnection, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "./agent-bed.test.support.ts";

const DISK = "/var/lib/libvirt/images/web.raw";
/** A copy over such a link outlasts the restart of an agent, MiB/s. */
const SLOW_MIBPS = 10;
const content = randomBytes(2 * 1_048_576);

let bed: AgentBed;
beforeEach(async () => {
  bed = await startAgentBed();
});
afterEach(async () => {
  await bed.close();
});

async function standingOn(server: string, serverUuid: string): Promise<string> {
  return (await bed.bus.call(findGuest, { serverUuid, migrationUuid: null }, { server })).standing;
}

/** A guest that h2 was made ready for, and of which it has a shut-off definition that was not there before. */
async function leftOnH2(name: string) {
  const uuid = await bed.addGuest({ name });
  const command = bed.startCommand(uuid, name);
  await bed.bus.call(preLiveMigration, { ...command, sourceHost: "h1", disks: [] }, { server: "h2" });
  bed.fleet.addGuest({ host: "h2", name, uuid, memoryMiB: 512, running: false });
  return { uuid, command };
}

/** The agent of a host comes back, as after a crash, and has asked what became of what it holds. */
async function comeBack(host: string): Promise<void> {
  await bed.stopAgent(host);
  bed.conductor.held.length = 0;
  await bed.startAgent(host);
  await waitFor("the agent to ask", () => bed.conductor.held.some((report) => report.host === host));
}

describe("an agent that returns", () => {
  test("removes the definition that a migration brought, once it is over and another host runs the guest", async () => {
    const { uuid } = await leftOnH2("left");
    bed.conductor.verdict = { verdict: "over", runsElsewhere: true };
    await comeBack("h2");
    await waitFor("the definition to go", async () => (await standingOn("h2", uuid)) === "absent");
    expect(await standingOn("h1", uuid)).toBe("running");
  });

  test.each([
    ["while the migration is in progress", { verdict: "in-progress", runsElsewhere: true }],
    ["while no other host is known to run the guest", { verdict: "over", runsElsewhere: false }],
  ] as const)("leaves it %s", async (_when, verdict) => {
    const { uuid, command } = await leftOnH2("left");
    bed.conductor.verdict = verdict;
    await comeBack("h2");
    await comeBack("h2");
    expect(bed.conductor.held[0]?.held).toMatchObject([{ migrationUuid: command.migrationUuid, started: null }]);
    expect(await standingOn("h2", uuid)).toBe("off");
  });

  test.each([
    ["deletes what a copy has written to where the source runs the guest", "h1", undefined],
    ["keeps it where a third host does, which may share the storage", "h3", content],
  ])("%s", async (_name, runsOn, expected) => {
    bed.fleet.putFile("h1", DISK, content);
    const uuid = await bed.addGuest({ name: "web", localDisks: [DISK] });
    const command = bed.startCommand(uuid, "web");
    const checked = await bed.bus.call(
      checkCanLiveMigrateSource,
      { ...command, blockMigration: null },
      { server: "h1" },
    );
    const disks = checked.requirements?.disks ?? [];
    await bed.bus.call(preLiveMigration, { ...command, sourceHost: "h1", disks }, { server: "h2" });
    bed.fleet.putFile("h2", DISK, content);
    bed.conductor.verdict = { verdict: "over", runsElsewhere: true, runsOn };
    await comeBack("h2");
    await bed.stopAgent("h2");
    expect(bed.fleet.readFile("h2", DISK)).toEqual(expected);
  });

  test("never touches a guest that runs, whatever it is told", async () => {
    const { uuid } = await leftOnH2("alive");
    await using connection = await LibvirtConnection.open(bed.fleet.host("h2").uri);
    await connection.domain.create(await connection.domain.lookupByUUID(uuid));
    bed.conductor.verdict = { verdict: "over", runsElsewhere: true };
    await comeBack("h2");
    // Its stop waits for what it was doing.
    await bed.stopAgent("h2");
    expect((await connection.domain.getState(await connection.domain.lookupByUUID(uuid))).state).toBe(
      VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING,
    );
  });

  test("keeps a guest in mind that it had suspended, and that stands still where it stayed", async () => {
    bed.fleet.faults.setLinkBandwidth("h1", "h2", SLOW_MIBPS);
    const uuid = await bed.addGuest({ name: "still" });
    const command = bed.startCommand(uuid, "still");
    await bed.bus.cast(liveMigration, command, { server: "h1" });
    await waitFor("the start", () => bed.conductor.eventNames(command.migrationUuid).includes("started"));
    const control = { ...command, generation: command.generation + 1 };
    await bed.bus.cast(liveMigrationForceComplete, { ...control, method: "pause" }, { server: "h1" });
    await waitFor("the suspend", () => bed.conductor.eventNames(command.migrationUuid).includes("force-complete-sent"));
    bed.fleet.faults.setLink("h1", "h2", "reset");
    const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
    expect(outcome).toMatchObject({ outcome: "stayed", cause: "failed" });
    // libvirt has it running again; unless the suspend reached it after that.
    bed.fleet.suspend(uuid);
    bed.conductor.verdict = { verdict: "over", runsElsewhere: false };
    await comeBack("h1");
    await comeBack("h1");
    expect(bed.conductor.held[0]?.held).toMatchObject([{ migrationUuid: command.migrationUuid }]);
    expect(await standingOn("h1", uuid)).toBe("paused");
  });

  test("tells of a migration whose record is lost, and sends its outcome once more when it is there again", async () => {
    const uuid = await bed.addGuest({ name: "forgotten" });
    const command = bed.startCommand(uuid, "forgotten");
    bed.conductor.unknown.add(command.migrationUuid);
    bed.fleet.faults.setLinkBandwidth("h1", "h2", SLOW_MIBPS);
    await bed.bus.cast(liveMigration, command, { server: "h1" });
    await waitFor("libvirt to copy", async () =>
      (await bed.progress.read([{ migrationUuid: command.migrationUuid, host: "h1" }])).get(command.migrationUuid),
    );
    const held = await waitFor("the agent to tell", () =>
      bed.conductor.held.flatMap((report) => report.held).find((one) => one.migrationUuid === command.migrationUuid),
    );
    expect(held.started).toMatchObject({
      generation: command.generation,
      destinationHost: "h2",
      serverName: "forgotten",
    });
    bed.conductor.unknown.clear();
    await comeBack("h1");
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 1_000);
    await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid)?.outcome === "arrived");
  });
});
