/** One cell: a guest with these disks is moved, something happens under way, and memory, disks and hosts are compared. */
import type { MigrationView } from "@drover/api-client";
import { type LabGuest, type LabHost, waitFor } from "@drover/testkit";
import { type ChaosPlane, SLOW_MIBPS } from "../chaos/lab/chaos-plane.ts";
import { isOver } from "../integration/watching.ts";
import { type Cell, cellName, type Operation } from "./cells.ts";
import { DISKS_FOLDER, type GuestDisks, makeDisks } from "./guest-disks.ts";

export interface CellResult {
  readonly cell: string;
  /** Memory, disks, record and both hosts are as they should be. */
  readonly passed: boolean;
  readonly problems: readonly string[];
  readonly state: string | null;
  /** libvirt's flags that were used, without those that every migration has. */
  readonly flags: readonly string[];
  /** Of memory and of disks that were sent. */
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** SHA-256 over what the guest's disks hold. */
  readonly sha256: string | null;
  readonly tookS: number;
}

/** It writes faster than the slow link carries, so that nothing ends by itself there. */
const GUEST = { memoryMiB: 128, workingSetMiB: 16, dirtyMiBps: 10, verifyMiBps: 24, readDisk: "vda" };

/** Where each operation has to end. */
const ENDS: Readonly<Record<Operation, { readonly state: MigrationView["state"]; readonly arrives: boolean }>> = {
  complete: { state: "completed", arrives: true },
  "force by pause": { state: "completed", arrives: true },
  "force by post-copy": { state: "completed", arrives: true },
  abort: { state: "cancelled", arrives: false },
  "destination dies": { state: "failed", arrives: false },
  "source agent dies": { state: "completed", arrives: true },
};

/** In every migration between two hosts; the others tell a cell from the next. */
const USUAL = new Set([
  ...["VIR_MIGRATE_LIVE", "VIR_MIGRATE_PEER2PEER", "VIR_MIGRATE_PERSIST_DEST", "VIR_MIGRATE_UNDEFINE_SOURCE"],
  ...["migrate_uri", "listen_address"],
]);

/** Runs a cell on a plane that is well; `number` tells its guest from others. Never rejects for what went wrong in it. */
export async function runCell(chaos: ChaosPlane, cell: Cell, number: number): Promise<CellResult> {
  const startMs = performance.now();
  const [source, destination] = chaos.plane.lab.hosts;
  if (source === undefined || destination === undefined) throw new Error("the lab has fewer than two hosts");
  const name = `matrix-${number}`;
  const problems: string[] = [];
  let migration: MigrationView | undefined;
  let sha256: string | null = null;
  for (const host of [source, destination]) await host.exec("mkdir", ["-p", DISKS_FOLDER]);
  const before = await Promise.all([holdings(source), holdings(destination)]);
  try {
    await using disks = await makeDisks(cell, name, source, chaos.plane.lab.addresses.rootAddress);
    sha256 = disks.sha256;
    await using guest = await startGuest(chaos, cell, name, source, disks);
    await operate(chaos, cell.operation, guest.guest, { source, destination }, async (id) => {
      migration = await chaos.plane.untilMigration(id, "over", isOver);
    });
    const ends = ENDS[cell.operation];
    if (migration?.state !== ends.state) {
      problems.push(`it is ${migration?.state}, not ${ends.state}: ${migration?.reason}`);
    }
    const [host, other] = ends.arrives ? [destination, source] : [source, destination];
    problems.push(...(await guestProblems(cell, guest.guest, host, other, disks)));
    problems.push(...(await disks.problems(host, other)));
    problems.push(...(await heldClaims(chaos)));
  } catch (error) {
    problems.push(messageOf(error));
  }
  const after = await Promise.all([holdings(source), holdings(destination)]);
  for (const [index, host] of [source, destination].entries()) {
    if (after[index] !== before[index]) problems.push(`${host.name} held ${before[index]}, and now ${after[index]}`);
  }
  const progress = migration?.progress;
  return {
    cell: cellName(cell),
    passed: problems.length === 0,
    problems,
    state: migration?.state ?? null,
    flags: (migration?.flags ?? []).filter((flag) => !USUAL.has(flag.name)).map(describeFlag),
    memoryBytes: progress?.memoryProcessedBytes ?? 0,
    diskBytes: progress?.diskProcessedBytes ?? 0,
    sha256,
    tookS: Math.round((performance.now() - startMs) / 100) / 10,
  };
}

/** A running guest that has read its disk; paused, if the cell has it so. Disposing it takes it away from both hosts. */
async function startGuest(chaos: ChaosPlane, cell: Cell, name: string, source: LabHost, disks: GuestDisks) {
  const guest = await source.startGuest({ name, ...GUEST, devicesXml: disks.devicesXml }, { deadlineMs: 60_000 });
  const read = await waitFor("the guest to read its disk", () => guest.diskChecksums(source)[0], {
    deadlineMs: 60_000,
    intervalMs: 200,
  });
  if (read !== disks.bootSha256) throw new Error("the guest reads something else before it has moved");
  if (cell.variant === "paused") await source.virsh("suspend", name);
  await chaos.plane.untilServerIsOn(name, source);
  const dispose = async () => {
    for (const host of chaos.plane.lab.hosts) {
      await host.virsh("destroy", name).catch(() => undefined);
      await host.virsh("undefine", name).catch(() => undefined);
    }
  };
  return { guest, [Symbol.asyncDispose]: dispose };
}

async function operate(
  chaos: ChaosPlane,
  operation: Operation,
  guest: LabGuest,
  { source, destination }: { readonly source: LabHost; readonly destination: LabHost },
  untilOver: (id: number) => Promise<void>,
): Promise<void> {
  const { plane, faults } = chaos;
  const isHeld = operation !== "complete";
  const limit = isHeld ? await faults.limit(source, "migration", SLOW_MIBPS) : undefined;
  const { id } = (await plane.client.migrate(guest.name, { host: destination.name })).migration;
  if (isHeld) {
    // Its disks first; what is done to it here is done to a guest whose memory is under way.
    await plane.untilMigration(id, "copied", ({ state, progress }) => {
      return state === "running" && (progress?.memoryProcessedBytes ?? 0) > 0;
    });
  }
  switch (operation) {
    case "complete":
      break;
    case "force by pause":
      await plane.client.forceComplete(id, { method: "pause" });
      break;
    case "force by post-copy":
      await plane.client.forceComplete(id, { method: "post-copy" });
      break;
    case "abort":
      await plane.client.abort(id);
      break;
    case "destination dies":
      await faults.killGuest(destination, guest.name);
      break;
    case "source agent dies": {
      const killed = await faults.kill("the source's agent", chaos.agentOf(source));
      await killed.undo();
      // It is back while the copy goes on. One that came back later finds its end in doubt, and then no disk is deleted.
      await chaos.agentOf(source).waitUntilReady();
      break;
    }
  }
  // A forced copy has to end over the slow link; one that only was watched would never.
  if (operation === "source agent dies") await limit?.undo();
  await untilOver(id);
  await limit?.undo();
}

async function guestProblems(
  cell: Cell,
  guest: LabGuest,
  host: LabHost,
  other: LabHost,
  disks: GuestDisks,
): Promise<string[]> {
  const problems: string[] = [];
  const is = await host.virsh("domstate", guest.name);
  const should = cell.variant === "paused" ? "paused" : "running";
  if (is !== should) problems.push(`the guest is ${is} on ${host.name}, not ${should}`);
  if ((await other.virsh("list", "--all", "--name")).split("\n").includes(guest.name)) {
    problems.push(`${other.name} has the guest too`);
  }
  if (is === "paused") await host.virsh("resume", guest.name);
  const seen = guest.diskChecksums(host).length;
  const { badPages } = await guest.waitForFullCheck(host, { deadlineMs: 60_000 });
  if (badPages > 0) problems.push(`${badPages} pages of its memory are wrong`);
  // The first may have been read before it came here.
  const read = await waitFor("the guest to read its disk again", () => guest.diskChecksums(host)[seen + 1], {
    deadlineMs: 60_000,
    intervalMs: 200,
  });
  if (read !== disks.bootSha256) problems.push("the guest reads something else from its disk");
  return problems;
}

/** What could leak on a host: definitions, pools, files, ports that something listens on. */
async function holdings(host: LabHost): Promise<string> {
  const [guests, pools, files, ports] = await Promise.all([
    host.virsh("list", "--all", "--name"),
    host.virsh("pool-list", "--all", "--name"),
    host.exec("sh", ["-c", `ls ${DISKS_FOLDER}`]),
    host.exec("ss", ["--no-header", "--listening", "--tcp", "--numeric"]),
  ]);
  const listening = ports.stdout.split("\n").flatMap((line) => line.trim().split(/\s+/)[3] ?? []);
  return JSON.stringify({ guests, pools, files: files.stdout.trim(), listening: listening.sort() });
}

async function heldClaims({ plane }: ChaosPlane): Promise<string[]> {
  const held = (await plane.postgres.sql("select count(*) from destination_claims", plane.storeUrl)).trim();
  return held === "0" ? [] : [`${held} claims are held`];
}

function describeFlag({ name, value }: MigrationView["flags"][number]): string {
  return value === undefined || value === null ? name : `${name}=${value}`;
}

/** The message and its causes. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}
