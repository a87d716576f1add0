/** One cell: a guest with these disks is moved, something happens under way, and memory, disks and hosts are compared. */
import type { MigrationView } from "@drover/api-client";
import { waitFor } from "@drover/testkit";
import { type ChaosPlane, SLOW_MIBPS } from "../chaos/lab/chaos-plane.ts";
import { isOver } from "../integration/watching.ts";
import { type Cell, cellName, type Operation } from "./cells.ts";
import { holdings, leaks, openInQemu, qemusOf } from "./holdings.ts";
import { type CellGuest, type MatrixPlane, untilDisksAreRead } from "./matrix-plane.ts";

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
  /** Of it, the first cell with these disks spends some on the guest's start. */
  readonly tookS: number;
}

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

/** Runs a cell on a plane that is well. Never rejects for what went wrong in it; its guest is taken away then. */
export async function runCell(matrix: MatrixPlane, cell: Cell): Promise<CellResult> {
  const startMs = performance.now();
  const problems: string[] = [];
  let migration: MigrationView | undefined;
  let sha256: string | null = null;
  try {
    const moving = await matrix.guestFor(cell);
    sha256 = moving.disks.sha256;
    const { plane } = matrix.chaos;
    const look = () =>
      Promise.all([moving.source, moving.destination].map((host) => holdings(host, plane.drover.folder)));
    const before = await look();
    await operate(matrix.chaos, cell.operation, moving, async (id) => {
      migration = await plane.untilMigration(id, "over", isOver);
    });
    const after = await look();
    const { state, arrives } = ENDS[cell.operation];
    if (migration?.state !== state) problems.push(`it is ${migration?.state}, not ${state}: ${migration?.reason}`);
    problems.push(...(await heldClaims(matrix.chaos)), ...leaksOf(moving, arrives, before, after));
    problems.push(...(await guestProblems(cell, moving, arrives)));
  } catch (error) {
    problems.push(messageOf(error));
  }
  if (problems.length > 0) await matrix.dropGuest().catch((error: unknown) => problems.push(messageOf(error)));
  const progress = migration?.progress;
  return {
    cell: cellName(cell),
    passed: problems.length === 0,
    problems,
    state: migration?.state ?? null,
    flags: (migration?.flags ?? []).filter(({ name, value }) => !USUAL.has(name) && value !== false).map(describeFlag),
    memoryBytes: progress?.memoryProcessedBytes ?? 0,
    diskBytes: progress?.diskProcessedBytes ?? 0,
    sha256,
    tookS: Math.round((performance.now() - startMs) / 100) / 10,
  };
}

async function operate(
  chaos: ChaosPlane,
  operation: Operation,
  { guest, source, destination }: CellGuest,
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
      await waitFor("the guest to stand still", async () => (await source.virsh("domstate", guest.name)) === "paused");
      break;
    case "force by post-copy":
      await plane.client.forceComplete(id, { method: "post-copy" });
      await plane.untilMigration(id, "in post-copy", ({ state }) => state === "post-copy");
      break;
    case "abort":
      await plane.client.abort(id);
      await untilOver(id);
      break;
    case "destination dies":
      await faults.killGuest(destination, guest.name);
      await untilOver(id);
      break;
    case "source agent dies": {
      const killed = await faults.kill("the source's agent", chaos.agentOf(source));
      await killed.undo();
      // It is back while the copy goes on. One that came back later finds its end in doubt, and then no disk is deleted.
      await chaos.agentOf(source).waitUntilReady();
      break;
    }
  }
  // What was done has taken hold: the rest need not take as long as the link would make it.
  await limit?.undo();
  await untilOver(id);
}

function leaksOf(
  { guest, disks, source, destination }: CellGuest,
  arrives: boolean,
  before: readonly Awaited<ReturnType<typeof holdings>>[],
  after: readonly Awaited<ReturnType<typeof holdings>>[],
): readonly string[] {
  const problems = [source, destination].flatMap((host, index) => {
    const isHere = (host === destination) === arrives;
    const of = { guest: guest.name, isHere, files: disks.filesOn(host, isHere) };
    const [then, now] = [before[index], after[index]];
    return then === undefined || now === undefined ? [] : leaks(host, of, then, now);
  });
  const qemus = qemusOf(guest.name);
  return qemus.length === 1 ? problems : [...problems, `${qemus.length} QEMUs of the guest run: ${qemus.join(", ")}`];
}

async function guestProblems(cell: Cell, moving: CellGuest, arrives: boolean): Promise<readonly string[]> {
  const { guest, disks, source, destination } = moving;
  const [host, other] = arrives ? [destination, source] : [source, destination];
  const problems: string[] = [];
  const is = await host.virsh("domstate", guest.name);
  const should = cell.variant === "paused" ? "paused" : "running";
  if (is !== should) problems.push(`the guest is ${is} on ${host.name}, not ${should}`);
  problems.push(...(await openInQemu(host, guest.name)));
  if (is === "paused") await host.virsh("resume", guest.name);
  const [{ badPages }, found] = await Promise.all([
    guest.waitForFullCheck(host, { deadlineMs: 60_000 }),
    disks.problems(host, other),
    untilDisksAreRead(guest, host, disks, "now"),
  ]);
  if (badPages > 0) problems.push(`${badPages} pages of its memory are wrong`);
  return [...problems, ...found];
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
