import { VIR_DOMAIN_STATE, VIR_MIGRATE } from "@drover/libvirt";
import { describe, expect, test } from "vitest";
import { restoreFleet, snapshotFleet } from "./fleet-file.ts";
import { guestDefinition } from "./guest-spec.ts";
import { hostSpec } from "./host-spec.ts";
import { ManualClock } from "./manual-clock.ts";
import { parseMigrationRequest } from "./migration-request.ts";
import { SimulatedFleet } from "./simulated-fleet.ts";
import type { SimulatedGuest } from "./simulated-guest.ts";
import { DEFAULT_TIMINGS } from "./simulated-migration.ts";

const { VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_PERSIST_DEST, VIR_MIGRATE_UNDEFINE_SOURCE } = VIR_MIGRATE;
const MOVE = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;
const POSTCOPY = VIR_MIGRATE.VIR_MIGRATE_POSTCOPY;

/** Two hosts with a 100 MiB/s link and a guest of 1 GiB on the first, on a clock the test moves. */
function fleetWith(guest: { dirtyMiBps?: number; workingSetMiB?: number; memoryMiB?: number } = {}) {
  const clock = new ManualClock();
  const hosts = ["here", "there"].map((name) => hostSpec({ name, memoryMiB: 4096 }));
  const links = [{ between: ["here", "there"], bandwidthMiBps: 100 }] as const;
  const fleet = new SimulatedFleet({ hosts, links, defaultLinkMiBps: 100, clock, timings: DEFAULT_TIMINGS });
  const add = (name: string) => {
    const definition = guestDefinition({ memoryMiB: 1024, touchedMiB: 500, ...guest, name, host: "here" });
    const added = fleet.host("here").define(definition);
    fleet.host("here").start(added);
    return added;
  };
  const move = (moved: SimulatedGuest, flags = 0) => {
    const request = parseMigrationRequest("qemu+tcp://there/system", [], MOVE | flags);
    return fleet.migrate(fleet.host("here"), moved, request).then(
      () => "arrived",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  };
  return { clock, fleet, add, move, here: fleet.host("here"), there: fleet.host("there") };
}

describe("a link", () => {
  test("is shared by the migrations on it", async () => {
    const { clock, add, move } = fleetWith({ dirtyMiBps: 0 });
    const [first, second] = [add("first"), add("second")];
    const outcomes = Promise.all([move(first), move(second)]);
    await clock.pass(3000);
    expect(first.outgoing?.figures().bytesPerSecond).toBeCloseTo(50 * 1_048_576, 0);
    await clock.pass(20_000);
    expect(await outcomes).toEqual(["arrived", "arrived"]);
  });

  test("that is reset fails the migration at once, and the guest runs on where it was", async () => {
    const { clock, fleet, add, move, there } = fleetWith();
    const guest = add("guest");
    const outcome = move(guest);
    await clock.pass(2000);
    fleet.faults.setLink("here", "there", "reset");
    await clock.pass(1);
    expect(await outcome).toContain("Connection reset by peer");
    expect(guest).toMatchObject({ running: true, outgoing: null });
    expect(there.guests()).toEqual([]);
  });

  test("that is silent is given up after half a minute", async () => {
    const { clock, fleet, add, move } = fleetWith();
    const guest = add("guest");
    const outcome = move(guest);
    await clock.pass(2000);
    fleet.faults.setLink("here", "there", "silent");
    await clock.pass(29_000);
    expect(guest.outgoing).not.toBeNull();
    await clock.pass(2000);
    expect(await outcome).toContain("Lost connection to destination host");
    expect(guest.running).toBe(true);
  });

  test("that breaks in post-copy leaves memory on both hosts until the migration is resumed", async () => {
    const { clock, fleet, add, move, there } = fleetWith({ dirtyMiBps: 300, workingSetMiB: 400 });
    const guest = add("guest");
    const outcome = move(guest, POSTCOPY);
    await clock.pass(2000);
    const migration = guest.outgoing;
    migration?.startPostCopy();
    await clock.pass(500);
    const arriving = there.byName("guest");
    expect([guest.running, arriving.running]).toEqual([false, true]);
    fleet.faults.setLink("here", "there", "reset");
    await clock.pass(1);
    expect(await outcome).toContain("failed in post-copy phase");
    expect([guest.state, guest.reason]).toEqual([3, 13]);
    expect([arriving.state, arriving.reason]).toEqual([1, 11]);
    fleet.faults.setLink("here", "there", "up");
    const resumed = migration?.resumePostCopy();
    await clock.pass(20_000);
    await resumed;
    expect(arriving).toMatchObject({ state: VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING, reason: 2, incoming: null });
    expect(fleet.host("here").guests()).toEqual([]);
  });
});

describe("a host", () => {
  test("that goes down fails what comes to it, and is found again with its guests", async () => {
    const { clock, fleet, add, move, there } = fleetWith();
    const guest = add("guest");
    const outcome = move(guest);
    await clock.pass(1000);
    fleet.faults.hostDown("there");
    await clock.pass(1);
    expect(await outcome).toContain("Lost connection to destination host");
    const refused = move(guest);
    await clock.pass(100);
    expect(await refused).toContain("No route to host");
    fleet.faults.hostUp("there");
    const arrives = move(guest);
    await clock.pass(20_000);
    expect(await arrives).toBe("arrived");
    expect(there.byName("guest").running).toBe(true);
  });

  test("without the memory refuses, and keeps nothing", async () => {
    const { clock, there, add, move } = fleetWith({ memoryMiB: 2048 });
    const guest = add("guest");
    there.create(guestDefinition({ name: "fat", host: "there", memoryMiB: 3000 }), false);
    const outcome = move(guest);
    await clock.pass(100);
    expect(await outcome).toContain("Cannot allocate memory");
    expect(there.guests().map(({ name }) => name)).toEqual(["fat"]);
  });

  test("with a guest of the same name and another UUID refuses", async () => {
    const { clock, there, add, move } = fleetWith();
    const guest = add("guest");
    const uuid = "11111111-2222-4333-8444-555555555555";
    there.define(guestDefinition({ name: "guest", host: "there", uuid }));
    const outcome = move(guest);
    await clock.pass(100);
    expect(await outcome).toContain(`operation failed: domain 'guest' already exists with uuid ${uuid}`);
  });

  test.each([
    { dies: "source", guestEndsOn: "destination" },
    { dies: "destination", guestEndsOn: "source" },
  ] as const)("that dies during switch-over ($dies) leaves the guest on the $guestEndsOn", async (death) => {
    const { clock, fleet, add, move, here, there } = fleetWith();
    const guest = add("guest");
    fleet.faults.dieDuringSwitchOver(guest.uuid, death);
    const outcome = move(guest);
    await clock.pass(20_000);
    expect(await outcome).toContain("Lost connection");
    const [up, down] = death.dies === "source" ? [there, here] : [here, there];
    expect([up.up, down.up]).toEqual([true, false]);
    expect(up.byName("guest").running).toBe(true);
    expect(down.guests().filter(({ running }) => running)).toEqual([]);
  });

  test("holds back what may not run beside a migration, for half a minute", async () => {
    const { clock, add, move } = fleetWith({ dirtyMiBps: 300, workingSetMiB: 400 });
    const guest = add("guest");
    const outcome = move(guest);
    await clock.pass(1000);
    const waits = guest.withoutJob(30_000, (ms, signal) => clock.sleep(ms, signal)).catch((error: unknown) => error);
    await clock.pass(30_000);
    expect(await waits).toMatchObject({ libvirtCode: 68 });
    guest.outgoing?.abort();
    await clock.pass(1);
    expect(await outcome).toContain("canceled by client");
  });
});

test("a fleet restored from its snapshot has its guests where they were", () => {
  const { fleet, add, here } = fleetWith();
  add("running");
  here.suspend(add("paused"));
  here.destroy(add("off"));
  const restored = fleetWith();
  restoreFleet(restored.fleet, JSON.parse(JSON.stringify(snapshotFleet(fleet))));
  const seen = restored.here
    .guests()
    .map(({ name, state, active, persistent }) => ({ name, state, active, persistent }));
  expect(seen).toEqual([
    { name: "running", state: 1, active: true, persistent: true },
    { name: "paused", state: 3, active: true, persistent: true },
    { name: "off", state: 5, active: false, persistent: true },
  ]);
  expect(restored.here.byName("running").definition.load).toEqual(here.byName("running").definition.load);
});

test("a guest in post-copy is in a snapshot once, on its destination", async () => {
  const { clock, fleet, add, move } = fleetWith({ dirtyMiBps: 300, workingSetMiB: 400 });
  const guest = add("guest");
  const outcome = move(guest, POSTCOPY);
  await clock.pass(2000);
  guest.outgoing?.startPostCopy();
  await clock.pass(500);
  expect(snapshotFleet(fleet).guests).toMatchObject([{ host: "there", power: "running" }]);
  await clock.pass(20_000);
  expect(await outcome).toBe("arrived");
});

test("a migration under way is on its source in a snapshot, and on its destination once it has switched over", async () => {
  const { clock, fleet, add, move } = fleetWith();
  const outcome = move(add("guest"));
  await clock.pass(1000);
  expect(snapshotFleet(fleet).guests).toMatchObject([{ host: "here", power: "running" }]);
  await clock.pass(20_000);
  await outcome;
  expect(snapshotFleet(fleet).guests).toMatchObject([{ host: "there", power: "running", persistent: true }]);
});
