import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  findGuest,
  liveMigration,
  pauseInstance,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
  unpauseInstance,
} from "@drover/contracts";
import { failedChecks } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "./agent-bed.test.support.ts";

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
});

afterEach(async () => {
  await bed.close();
});

const nothingProved = { removeRemnant: false, broughtDefinition: "undecided" } as const;
const to = { source: { server: "h1" }, destination: { server: "h2" } };

async function guestOn(host: string, serverUuid: string): Promise<string | null> {
  const answer = await bed.bus.call(findGuest, { serverUuid, migrationUuid: null }, { server: host });
  return answer.guest?.powerState ?? null;
}

describe("trouble", () => {
  test("a libvirtd that goes away is dialled again, and its guests are reported anew", async () => {
    const uuid = await bed.addGuest({ name: "web" });
    const request = { serverUuid: uuid, migrationUuid: null };
    bed.fleet.faults.hostDown("h1");
    await waitFor("the agent to say so", () =>
      bed.bus.call(findGuest, request, to.source).then(
        () => null,
        (error: { code?: string }) => error.code === "unavailable",
      ),
    );
    bed.conductor.hosts.length = 0;
    bed.fleet.faults.hostUp("h1");
    await waitFor("a full report", () => bed.conductor.guests("h1").some((guest) => guest.uuid === uuid));
  });

  test("a start call whose answer is lost: the end of libvirt's job decides", async () => {
    const uuid = await bed.addGuest({ name: "cut" });
    const command = bed.startCommand(uuid, "cut");
    bed.fleet.faults.onCall("h1", "domainMigratePerform3Params", { kind: "drop-mid-frame" });
    await bed.bus.cast(liveMigration, command, to.source);
    const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
    expect(outcome).toMatchObject({ outcome: "arrived" });
    expect(await guestOn("h2", uuid)).toBe("running");
  });

  test("an outcome that nobody acknowledged is reported again after a restart", async () => {
    const uuid = await bed.addGuest({ name: "unheard" });
    const command = bed.startCommand(uuid, "unheard");
    bed.conductor.failures = 1_000;
    await bed.bus.cast(liveMigration, command, to.source);
    await waitFor("the guest to arrive", async () => (await guestOn("h1", uuid)) === null || null);
    await waitFor("the agent to have tried", () => bed.conductor.failures < 1_000);
    await bed.stopAgent("h1");
    bed.conductor.failures = 0;
    await bed.startAgent("h1");
    const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
    expect(outcome.sequence).toBeGreaterThan(1_000_000);
  });
});

describe("pausing", () => {
  const pause = (uuid: string) => bed.bus.call(pauseInstance, { serverUuid: uuid, serverName: "web" }, to.source);
  const unpause = (uuid: string) => bed.bus.call(unpauseInstance, { serverUuid: uuid, serverName: "web" }, to.source);

  test("a guest stands still and runs again, however often that is asked, and is reported so", async () => {
    const uuid = await bed.addGuest({ name: "web" });
    const reported = (powerState: string) => () =>
      bed.conductor.guests("h1").some((guest) => guest.uuid === uuid && guest.powerState === powerState);
    for (const _ of [1, 2]) await pause(uuid);
    expect(await guestOn("h1", uuid)).toBe("paused");
    await waitFor("the report", reported("paused"));
    for (const _ of [1, 2]) await unpause(uuid);
    expect(await guestOn("h1", uuid)).toBe("running");
    await waitFor("the report", reported("running"));
  });

  test("is refused of a guest in a migration, and of one that is off or not there", async () => {
    const uuid = await bed.addGuest({ name: "web", memoryMiB: 4096, touchedMiB: 4000, dirtyMiBps: 900 });
    const command = bed.startCommand(uuid, "web");
    await bed.bus.cast(liveMigration, command, to.source);
    await waitFor("the copy", () => bed.conductor.eventNames(command.migrationUuid).includes("started"));
    await expect(pause(uuid)).rejects.toMatchObject({ code: "refused", message: "web is in a migration" });
    await expect(unpause(uuid)).rejects.toMatchObject({ code: "refused" });
    const off = await bed.addGuest({ name: "off", running: false });
    await expect(pause(off)).rejects.toMatchObject({ code: "refused", message: "web is off here" });
    await expect(unpause(crypto.randomUUID())).rejects.toMatchObject({
      code: "refused",
      message: "web is absent here",
    });
  });
});

describe("around a migration", () => {
  test("both hosts answer every check, and the steps after it may be repeated", async () => {
    const uuid = await bed.addGuest({ name: "web" });
    const command = bed.startCommand(uuid, "web");
    const source = await bed.bus.call(checkCanLiveMigrateSource, { ...command, blockMigration: null }, to.source);
    expect(failedChecks(source.checks)).toEqual([]);
    const { requirements } = source;
    if (requirements === null) throw new Error("the guest is here");
    const offer = { ...command, sourceHost: "h1", requirements };
    const there = await bed.bus.call(checkCanLiveMigrateDestination, offer, to.destination);
    expect(failedChecks(there.checks)).toEqual([]);
    const itself = await bed.bus.call(checkCanLiveMigrateDestination, offer, to.source);
    expect(failedChecks(itself.checks).map(({ check }) => check)).toEqual(["other-host", "uuid-free"]);

    const prepare = { ...command, sourceHost: "h1", disks: [] };
    const prepared = await bed.bus.call(preLiveMigration, prepare, to.destination);
    expect(await bed.bus.call(preLiveMigration, prepare, to.destination)).toEqual(prepared);
    await expect(bed.bus.call(postLiveMigrationAtDestination, command, to.destination)).rejects.toMatchObject({
      code: "outcome-unknown",
    });
    await bed.bus.cast(liveMigration, { ...command, destination: prepared }, to.source);
    await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
    for (const _ of [1, 2]) {
      await bed.bus.call(postLiveMigrationAtDestination, command, to.destination);
      await bed.bus.call(postLiveMigration, { ...command, removeRemnant: false, removeCopiedDisks: false }, to.source);
    }
    expect(await guestOn("h2", uuid)).toBe("running");
  });

  test("a guest on its way takes no memory from others on its destination: its claim does, until it has arrived", async () => {
    const other = bed.startCommand(await bed.addGuest({ name: "other" }), "other");
    const { requirements } = await bed.bus.call(
      checkCanLiveMigrateSource,
      { ...other, blockMigration: null },
      to.source,
    );
    if (requirements === null) throw new Error("the guest is here");
    const offer = { ...other, sourceHost: "h1", requirements };
    const available = async () =>
      (await bed.bus.call(checkCanLiveMigrateDestination, offer, to.destination)).memoryAvailableKiB;
    const before = await available();
    const uuid = await bed.addGuest({ name: "web" });
    const command = bed.startCommand(uuid, "web");
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 10);
    await bed.bus.call(preLiveMigration, { ...command, sourceHost: "h1", disks: [] }, to.destination);
    await bed.bus.cast(liveMigration, command, to.source);
    await waitFor("the coming guest", () => bed.conductor.guests("h2").some((guest) => guest.uuid === uuid));
    expect(await available()).toBe(before);
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 5_000);
    await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
    await bed.bus.call(postLiveMigrationAtDestination, command, to.destination);
    await waitFor("the memory to be used", async () => (await available()) === before - command.memoryKiB);
  });

  test("clean-up never touches a guest that runs", async () => {
    const uuid = await bed.addGuest({ name: "alive" });
    const command = bed.startCommand(uuid, "alive");
    await expect(
      bed.bus.call(postLiveMigration, { ...command, removeRemnant: false, removeCopiedDisks: false }, to.source),
    ).rejects.toMatchObject({
      code: "outcome-unknown",
    });
    await bed.bus.call(rollbackLiveMigration, { ...command, stayed: false, mayResume: true }, to.source);
    await bed.bus.call(rollbackLiveMigrationAtDestination, { ...command, ...nothingProved }, to.source);
    expect(await guestOn("h1", uuid)).toBe("running");
  });

  test("a rollback removes a definition only if the migration brought it", async () => {
    const uuid = await bed.addGuest({ name: "left", running: false });
    const command = bed.startCommand(uuid, "left");
    await bed.bus.call(preLiveMigration, { ...command, sourceHost: "h2", disks: [] }, to.source);
    await bed.bus.call(rollbackLiveMigrationAtDestination, { ...command, ...nothingProved }, to.source);
    expect(await guestOn("h1", uuid)).toBe("shutoff");
  });

  test("a guest that is not there is a failed check, not an error", async () => {
    const command = bed.startCommand("11111111-1111-4111-8111-111111111111", "ghost");
    const answer = await bed.bus.call(checkCanLiveMigrateSource, { ...command, blockMigration: null }, to.source);
    expect(answer.requirements).toBeNull();
    expect(failedChecks(answer.checks).map(({ check }) => check)).toEqual(["guest-exists"]);
  });
});
