/** One cell: a migration is brought into a state, a part dies there and comes back, and the record is held to the truth. */
import type { MigrationView } from "@drover/api-client";
import { type CutMode, waitFor } from "@drover/testkit";
import { isOver } from "../../integration/watching.ts";
import { bringInto, type Moving } from "./bring-into-state.ts";
import { type Cell, cellName } from "./cells.ts";
import type { ChaosPlane } from "./chaos-plane.ts";
import { describeSeen, watchGuest } from "./guest-watch.ts";
import { strike } from "./strike.ts";
import { untruths } from "./truth.ts";

/** What may differ between two runs of one cell. */
export interface CellVariation {
  /** From being in the state to the strike, ms. */
  readonly strikeAfterMs: number;
  /** How long the part is away, ms. */
  readonly awayMs: number;
  /** How networks are cut. */
  readonly cut: CutMode;
}

export interface CellResult extends CellVariation {
  readonly cell: string;
  /** Nothing of what was found contradicts the record, and nothing is held. */
  readonly passed: boolean;
  /** What contradicts it, or why the cell could not be run. */
  readonly problems: readonly string[];
  /** The record's state when the part was struck, and what libvirt said of the guest. */
  readonly struckIn: string | null;
  /** The record's last state and reason. */
  readonly state: string | null;
  readonly reason: string | null;
  readonly guestRunsOn: "source" | "destination" | "nowhere" | null;
  /** From the part being back to a record that is over (or waits for a person), s; 0 if it was over before. */
  readonly settledAfterS: number | null;
  readonly tookS: number;
  /** What libvirt said of the guest over time. */
  readonly timeline: readonly string[];
}

/** The longest that a record may take after the part is back, s. The aim is half of it. */
const SETTLE_WITHIN_S = 60;

/** That, and what the part itself may need to be back: RabbitMQ a minute on a loaded machine. */
const LOOKED_FOR_MS = 150_000;

/** Runs a cell on a plane that is well. Never rejects for what the plane did wrong: that is in the result. */
export async function runCell(chaos: ChaosPlane, cell: Cell, variation: CellVariation): Promise<CellResult> {
  const startMs = performance.now();
  const { guest, source, destination } = await chaos.guest();
  await using watch = watchGuest(guest, [source, destination]);
  const moving: Moving = { chaos, guest, source, destination, watch };
  const found: { -readonly [Key in keyof CellResult]?: CellResult[Key] } = {};
  const problems: string[] = [];
  try {
    const brought = await bringInto(cell.state, moving);
    const { id, uuid } = brought.migration;
    await pause(variation.strikeAfterMs);
    found.struckIn = `${await recordState(chaos, id)}; source ${describeSeen(watch.now(source))}, destination ${describeSeen(watch.now(destination))}`;
    const fault = await strike(cell.part, moving, uuid, variation.cut);
    await brought.letGo();
    await pause(variation.awayMs);
    // Looked for from now on, so that it is known when it was, however long the rest of the way back takes.
    const settling = whenSettled(chaos, id);
    settling.catch(() => undefined);
    await fault.undo();
    await brought.hurry();
    const backMs = performance.now();
    try {
      found.settledAfterS = round(Math.max(0, (await settling) - backMs) / 1000);
      if (found.settledAfterS > SETTLE_WITHIN_S)
        problems.push(`settled only ${found.settledAfterS} s after it was back`);
    } catch (error) {
      problems.push(`not settled: ${messageOf(error)}`);
    }
    let { migration } = await chaos.plane.client.migration(id);
    found.state = migration.state;
    found.reason = migration.reason;
    if (migration.state === "post-copy-paused") {
      migration = await resumeAsAPerson(moving, id);
      found.state = `${found.state}, resumed by hand: ${migration.state}`;
    }
    const truth = await untruths(cell, moving, migration);
    found.guestRunsOn = truth.guestRunsOn;
    problems.push(...truth.problems);
  } catch (error) {
    problems.push(messageOf(error));
  }
  problems.push(...watch.runningTwice.slice(0, 3).map((at) => `both hosts ran the guest at ${at} s`));
  return {
    cell: cellName(cell),
    ...variation,
    passed: problems.length === 0,
    problems,
    struckIn: found.struckIn ?? null,
    state: found.state ?? null,
    reason: found.reason ?? null,
    guestRunsOn: found.guestRunsOn ?? null,
    settledAfterS: found.settledAfterS ?? null,
    tookS: round((performance.now() - startMs) / 1000),
    timeline: watch.timeline,
  };
}

/** Over, or waiting for a person. */
function isSettled({ endedAt, state }: MigrationView): boolean {
  return endedAt !== null || state === "error" || state === "post-copy-paused";
}

/** What the operator's guide says to do about a broken post-copy; resolves with the record once it has followed. */
async function resumeAsAPerson({ chaos }: Moving, id: number): Promise<MigrationView> {
  const ended = new AbortController();
  void resumeUntil(ended.signal, () => chaos.plane.client.resume(id));
  try {
    return await chaos.plane.untilMigration(id, "over", isOver);
  } finally {
    ended.abort();
  }
}

/** As a person would, who is told that QEMU has not noticed yet. What counts is that the record follows. */
async function resumeUntil(ended: AbortSignal, resume: () => Promise<unknown>): Promise<void> {
  while (!ended.aborted) {
    await resume().catch(() => undefined);
    if (!ended.aborted) await pause(1_000);
  }
}

/** Resolves with the time at which the record was seen settled. */
async function whenSettled(chaos: ChaosPlane, id: number): Promise<number> {
  return await waitFor(
    `migration ${id} to be settled`,
    async () => {
      const { migration } = await chaos.plane.client.migration(id);
      if (isSettled(migration)) return performance.now();
      throw new Error(`it is ${migration.state} (${migration.reason ?? "no reason given"})`);
    },
    { deadlineMs: LOOKED_FOR_MS, intervalMs: 100 },
  );
}

async function recordState(chaos: ChaosPlane, id: number): Promise<string> {
  return (await chaos.plane.client.migration(id)).migration.state;
}

/** A chosen length of time is what a cell varies, not something that it waits for. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The message and its causes, each without what it was about in length. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
