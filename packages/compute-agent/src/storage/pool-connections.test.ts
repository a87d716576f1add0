import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  liveMigration,
  liveMigrationAbort,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import { LibvirtConnection, LibvirtError } from "@drover/libvirt";
import { type DiskToMove, failedChecks, type PoolVolume } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentBed, startAgentBed } from "../agent-bed.test.support.ts";
import { folderPoolName } from "./folder-pool.ts";

const MIB = 1_048_576;
const ADDRESS = { portal: "10.0.0.9:3260", target: "iqn.2026-11.org.drover:web" };
const VOLUME = { pool: "targets", name: "unit:0:0:1" };
const CAPACITIES = [0, 8 * MIB, 16 * MIB];

function poolXml({ name = "targets", initiator = "iqn.2026-11.org.drover:all" } = {}): string {
  return `<pool type='iscsi-direct'><name>${name}</name><source><host name='10.0.0.9'/><device path='${ADDRESS.target}'/>
    <initiator><iqn name='${initiator}'/></initiator></source></pool>`;
}

let bed: AgentBed;

beforeEach(async () => {
  bed = await startAgentBed();
  bed.fleet.serveTarget(ADDRESS, CAPACITIES);
  await definePool("h1", poolXml(), true);
});

afterEach(async () => {
  await bed.close();
});

async function definePool(host: string, xml: string, running: boolean): Promise<void> {
  await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
  const pool = await connection.storagePool.defineXML(xml);
  if (running) await connection.storagePool.create(pool);
}

/** Each pool that a host has, beside the one that it always has, with whether it runs. */
async function poolsOf(host: string): Promise<string[]> {
  await using connection = await LibvirtConnection.open(bed.fleet.host(host).uri);
  const pools = await connection.storagePool.listAll();
  const states = await Promise.all(
    pools.map(async (pool) => `${pool.name} ${(await connection.storagePool.isActive(pool)) ? "runs" : "stopped"}`),
  );
  return states.filter((state) => state !== "default runs");
}

async function ask(uuid: string, name = "web", [source, destination] = ["h1", "h2"]) {
  const command = { ...bed.startCommand(uuid, name), destinationHost: destination };
  const question = { ...command, blockMigration: null, storageIsProved: true };
  const leaving = await bed.bus.call(checkCanLiveMigrateSource, question, { server: source });
  if (leaving.requirements === null) throw new Error("the guest is here");
  const { requirements } = leaving;
  const offer = { ...command, sourceHost: source, requirements };
  const taking = await bed.bus.call(checkCanLiveMigrateDestination, offer, { server: destination });
  const prepare = { ...command, sourceHost: source, disks: requirements.disks };
  return {
    command,
    prepare,
    requirements,
    failed: failedChecks([...leaving.checks, ...taking.checks]),
  };
}

const prepareOn = (server: string, request: Awaited<ReturnType<typeof ask>>["prepare"]) =>
  bed.bus.call(preLiveMigration, request, { server });

/** Moves it and settles it; all of it may be repeated. */
async function move(uuid: string, name = "web", [source, destination] = ["h1", "h2"]): Promise<void> {
  const { command, prepare, failed } = await ask(uuid, name, [source, destination]);
  expect(failed).toEqual([]);
  const prepared = await prepareOn(destination, prepare);
  const { peerUri: libvirtUri } = bed.fleet.host(destination);
  const there = { ...prepared, libvirtUri, inboundAddress: destination };
  await bed.bus.cast(liveMigration, { ...command, destination: there }, { server: source });
  const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
  expect(outcome).toMatchObject({ outcome: "arrived", error: null });
  for (const _again of [1, 2]) {
    await bed.bus.call(postLiveMigrationAtDestination, command, { server: destination });
    const left = { ...command, removeRemnant: false, removeCopiedDisks: false };
    await bed.bus.call(postLiveMigration, left, { server: source });
  }
}

const rollBack = (command: object, broughtDefinition: "remove" | "undecided" = "undecided") => {
  const request = rollbackLiveMigrationAtDestination.request.parse({ ...command, broughtDefinition });
  return bed.bus.call(rollbackLiveMigrationAtDestination, request, { server: "h2" });
};

describe("the pool of a guest's volume", () => {
  let uuid: string;
  beforeEach(async () => {
    uuid = await bed.addGuest({ name: "web", volumes: [VOLUME] });
  });

  test("is defined and started where the guest goes, and is gone when it has left; one that was there stays", async () => {
    const { requirements } = await ask(uuid);
    expect(requirements.disks).toMatchObject([
      { target: "vda", need: "stays" },
      {
        target: "vdp",
        need: "volume",
        path: "ip-10.0.0.9:3260-iscsi-iqn.2026-11.org.drover:web-lun-1",
        servers: [{ address: "10.0.0.9", port: 3260 }],
        pool: { pool: "targets", volume: "unit:0:0:1", capacityBytes: 8 * MIB, autostart: false },
      },
    ]);
    expect(await poolsOf("h2")).toEqual([]);
    await move(uuid);
    expect(await poolsOf("h1")).toEqual(["targets runs"]);
    expect(await poolsOf("h2")).toEqual(["targets runs"]);
    // What connects it has to be known to the next process, too.
    await bed.stopAgent("h2");
    const agent = await bed.startAgent("h2");
    await waitFor("libvirtd to be reached", () => agent.pingLibvirt().then(() => true));
    await move(uuid, "web", ["h2", "h1"]);
    expect(await poolsOf("h1")).toEqual(["targets runs"]);
    expect(await poolsOf("h2")).toEqual([]);
  });

  test("stays as long as another guest has a volume of it", async () => {
    const other = await bed.addGuest({ name: "db", volumes: [{ ...VOLUME, name: "unit:0:0:2" }] });
    await move(uuid);
    await move(other, "db");
    await waitFor("both to be reported", () => bed.conductor.guests("h2").length === 2);
    await move(uuid, "web", ["h2", "h1"]);
    expect(await poolsOf("h2")).toEqual(["targets runs"]);
    await move(other, "db", ["h2", "h1"]);
    expect(await poolsOf("h2")).toEqual([]);
  });

  test("is not stopped under a guest that is being brought", async () => {
    const other = await bed.addGuest({ name: "db", volumes: [{ ...VOLUME, name: "unit:0:0:2" }] });
    const [first, second] = [await ask(uuid), await ask(other, "db")];
    await prepareOn("h2", first.prepare);
    await prepareOn("h2", second.prepare);
    await rollBack(first.command);
    expect(await poolsOf("h2")).toEqual(["targets runs"]);
    await rollBack(second.command);
    expect(await poolsOf("h2")).toEqual([]);
  });

  test("that is stopped there is started, and stopped again by a rollback, which may be repeated", async () => {
    await definePool("h2", poolXml(), false);
    const { command, prepare, failed } = await ask(uuid);
    expect(failed).toEqual([]);
    expect(await prepareOn("h2", prepare)).toEqual(await prepareOn("h2", prepare));
    expect(await poolsOf("h2")).toEqual(["targets runs"]);
    for (const _again of [1, 2]) await rollBack(command);
    expect(await poolsOf("h2")).toEqual(["targets stopped"]);
  });

  test("that was stopped there, and is removed by somebody while it is needed, is defined, and gone after a rollback", async () => {
    await definePool("h2", poolXml(), false);
    const [first, second] = [await ask(uuid), await ask(uuid)];
    await prepareOn("h2", first.prepare);
    {
      await using connection = await LibvirtConnection.open(bed.fleet.host("h2").uri);
      const pool = await connection.storagePool.lookupByName("targets");
      await connection.storagePool.destroy(pool);
      await connection.storagePool.undefine(pool);
    }
    await prepareOn("h2", second.prepare);
    expect(await poolsOf("h2")).toEqual(["targets runs"]);
    await rollBack(first.command);
    await rollBack(second.command);
    expect(await poolsOf("h2")).toEqual([]);
  });

  test("is gone after an abort", async () => {
    const { command, prepare } = await ask(uuid);
    const destination = await prepareOn("h2", prepare);
    bed.fleet.faults.setLinkBandwidth("h1", "h2", 1);
    await bed.bus.cast(liveMigration, { ...command, destination }, { server: "h1" });
    await waitFor("the copy to begin", () => bed.conductor.eventNames(command.migrationUuid).includes("started"));
    await bed.bus.cast(liveMigrationAbort, { ...command, generation: command.generation + 1 }, { server: "h1" });
    const outcome = await waitFor("the outcome", () => bed.conductor.outcome(command.migrationUuid));
    expect(outcome).toMatchObject({ outcome: "stayed", cause: "aborted" });
    const undo = { ...command, generation: command.generation + 2 };
    await rollBack(undo, "remove");
    await bed.bus.call(rollbackLiveMigration, { ...undo, stayed: false, mayResume: true }, { server: "h1" });
    expect(await poolsOf("h2")).toEqual([]);
    expect(await poolsOf("h1")).toEqual(["targets runs"]);
  });

  test.each<[string, () => Promise<void>, RegExp]>([
    [
      "of another target",
      () => definePool("h2", poolXml().replace(":web", ":other"), false),
      /is another one on h2.*define it in the same way/,
    ],
    [
      "for another initiator, which may be given other volumes",
      () => definePool("h2", poolXml({ initiator: "iqn.2026-11.org.drover:h2" }), true),
      /is another one on h2/,
    ],
    [
      "of folders",
      () => definePool("h2", "<pool type='dir'><name>targets</name><target><path>/srv</path></target></pool>", false),
      /dir, \/srv/,
    ],
  ])("is refused where there is one of its name %s, and that stays as it is", async (_, there, problem) => {
    await there();
    const before = await poolsOf("h2");
    const { command, prepare, failed } = await ask(uuid);
    expect(failed).toMatchObject([{ check: "storage", message: expect.stringMatching(problem) }]);
    await expect(prepareOn("h2", prepare)).rejects.toMatchObject({ code: "refused" });
    await rollBack(command);
    expect(await poolsOf("h2")).toEqual(before);
  });

  test.each<[string, readonly number[], RegExp]>([
    ["is not given there", CAPACITIES.slice(0, 1), /does not give the volume unit:0:0:1/],
    ["is another one by its size", [0, 4 * MIB], /is another one on h2/],
  ])("that runs there is refused when the volume %s", async (_, capacities, problem) => {
    await definePool("h2", poolXml(), true);
    const { prepare } = await ask(uuid);
    bed.fleet.serveTarget(ADDRESS, capacities);
    await expect(prepareOn("h2", prepare)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringMatching(problem),
    });
    expect(await poolsOf("h2")).toEqual(["targets runs"]);
  });

  test("that does not start is refused with libvirt's words, and nothing of it is left", async () => {
    const { command, prepare } = await ask(uuid);
    const error = LibvirtError.refusal("VIR_ERR_INTERNAL_ERROR", "internal error: Failed to connect to LUN");
    bed.fleet.faults.onCall("h2", "storagePoolCreate", { kind: "refuse", error });
    await expect(prepareOn("h2", prepare)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringMatching(/targets does not start on h2.*reaches its storage/),
    });
    await rollBack(command);
    expect(await poolsOf("h2")).toEqual([]);
  });

  test.each(["storagePoolDefineXML", "storagePoolCreate"] as const)(
    "is gone after a rollback where the answer to %s was lost",
    async (procedure) => {
      const { command, prepare } = await ask(uuid);
      bed.fleet.faults.onCall("h2", procedure, { kind: "drop-mid-frame" });
      await expect(prepareOn("h2", prepare)).rejects.toMatchObject({
        code: expect.stringMatching(/outcome-unknown|unavailable/),
      });
      await waitFor("libvirtd to be reached again", () =>
        rollBack(command).then(
          () => true,
          () => null,
        ),
      );
      expect(await poolsOf("h2")).toEqual([]);
    },
  );
});

describe("a pool that the source's agent tells of", () => {
  const FOLDER = "/srv/volumes";
  const OWN_NAME = folderPoolName(FOLDER);
  const dir = (path = FOLDER, name = "volumes") =>
    `<pool type='dir'><name>${name}</name><target><path>${path}</path></target></pool>`;

  function prepareWith(poolXml: string, pool = "volumes") {
    const told: PoolVolume = { pool, volume: "web.raw", key: null, capacityBytes: null, poolXml, autostart: true };
    const sizes = { capacityBytes: 2 * MIB, writtenBytes: 2 * MIB };
    const disk: DiskToMove = {
      ...{ target: "vdb", need: "copy", path: `${FOLDER}/web.raw`, format: "raw", reason: "a file" },
      ...{ ...sizes, pool: told },
    };
    const command = bed.startCommand("6f6e0c5c-0000-4000-8000-000000000009", "web");
    return { command, prepare: { ...command, sourceHost: "h1", disks: [disk] } };
  }

  beforeEach(() => bed.fleet.putFile("h2", `${FOLDER}/another.raw`, Buffer.alloc(1)));

  test("is a folder: the file is made in it, and both go with a rollback", async () => {
    const { command, prepare } = prepareWith(dir());
    await prepareOn("h2", prepare);
    expect(await poolsOf("h2")).toEqual(["volumes runs"]);
    expect(bed.fleet.readFile("h2", `${FOLDER}/web.raw`)).toBeDefined();
    await rollBack(command);
    expect(await poolsOf("h2")).toEqual([]);
    expect(bed.fleet.filesIn("h2", FOLDER)).toEqual([`${FOLDER}/another.raw`]);
  });

  test("is a folder whose pool is stopped here: it is started, and the file made", async () => {
    await definePool("h2", dir(), false);
    const { command, prepare } = prepareWith(dir());
    expect((await prepareOn("h2", prepare)).disks).toMatchObject([{ action: "copy" }]);
    await rollBack(command);
    expect(await poolsOf("h2")).toEqual(["volumes stopped"]);
  });

  test.each<[string, string, RegExp, string?]>([
    [
      "mounts a file system",
      "<pool type='netfs'><name>volumes</name><source><host name='nas'/><dir path='/x'/></source><target><path>/etc</path></target></pool>",
      /mounts a file system: define it there/,
    ],
    ["is on a device", dir().replace("'dir'", "'fs'"), /mounts a file system/],
    [
      "needs a secret",
      poolXml({ name: "volumes" }).replace(
        "<source>",
        "<source><auth type='chap' username='u'><secret usage='s'/></auth>",
      ),
      /secret/,
    ],
    ["is called as the agents' own", dir(FOLDER, OWN_NAME), /rename it/, OWN_NAME],
    ["is told under two names", dir(FOLDER, "default"), /told as default/],
    ["is over the folder of another one here", dir("/var/lib/libvirt/images"), /that of its pool default/],
  ])("is not defined where it %s", async (_, xml, problem, name = "volumes") => {
    const { prepare } = prepareWith(xml, name);
    const refusal = { code: "refused", message: expect.stringMatching(problem) };
    await expect(prepareOn("h2", prepare)).rejects.toMatchObject(refusal);
    expect(await poolsOf("h2")).toEqual([]);
  });
});

test("a guest whose pool was stopped under it is refused with what to do", async () => {
  const uuid = await bed.addGuest({ name: "web", volumes: [VOLUME] });
  await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
  await connection.storagePool.destroy(await connection.storagePool.lookupByName("targets"));
  const question = { ...bed.startCommand(uuid, "web"), blockMigration: null, storageIsProved: true };
  const { checks } = await bed.bus.call(checkCanLiveMigrateSource, question, { server: "h1" });
  expect(failedChecks(checks)).toMatchObject([
    { check: "storage", message: expect.stringMatching(/does not find the volume unit:0:0:1.*start and refresh/) },
  ]);
});
