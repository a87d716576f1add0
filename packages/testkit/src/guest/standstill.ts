import { closeSync, type FSWatcher, openSync, readSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { LabHost } from "../lab/lab-host.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import type { LabGuest } from "./lab-guest.ts";

/** How long a guest stood still, seen from outside. */
export interface Standstill {
  /** Milliseconds in which the guest's clock did not run. Good to about 2 ms on a machine that is not overloaded. */
  readonly standstillMs: number;
  /** How many of the guest's beats were seen on the source and on the destination. */
  readonly beatsBefore: number;
  readonly beatsAfter: number;
}

/** One of the guest's beats: its clock, and ours when the beat arrived. */
export interface Beat {
  readonly guestUs: number;
  readonly arrivedMs: number;
}

/** A measurement under way. */
export interface StandstillWatch extends Disposable {
  /**
   * Resolves after the migration, once enough beats came from the destination.
   *
   * @throws {TestkitError} if the guest made fewer than 5 beats on either side within the deadline.
   */
  result(options?: { readonly deadlineMs?: number }): Promise<Standstill>;
}

/** A beat's line arrives late by what the serial port and the scheduler cost; the least late of this many counts. */
const ENOUGH_BEATS = 10;

/**
 * Begins to measure how long a guest stands still while it moves. Call it a second before the migration starts.
 *
 * A guest's clock stops with the guest (QEMU's virtual clock goes on at the destination where it stopped at the source),
 * so the measure is how much later the guest's beats arrive after the move than before it.
 */
export function watchStandstill(guest: LabGuest, source: LabHost, destination: LabHost): StandstillWatch {
  const before = followBeats(guest.consolePath(source));
  const after = followBeats(guest.consolePath(destination));
  return {
    async result({ deadlineMs = 30_000 } = {}) {
      await waitFor(`guest ${guest.name} to beat on ${destination.name}`, () => after.beats.length >= ENOUGH_BEATS, {
        deadlineMs,
        intervalMs: 20,
      });
      return standstillBetween(before.beats, after.beats);
    },
    [Symbol.dispose]() {
      before.watcher.close();
      after.watcher.close();
    },
  };
}

/**
 * The standstill between beats before and after it.
 *
 * With beats at 100 ms and 200 ms of the guest's clock arriving at 1100.5 ms and 1200.2 ms of ours, and one at 300 ms
 * arriving at 1370.2 ms, the guest stood still for 70 ms.
 *
 * @throws {TestkitError} if there are none on one side.
 */
export function standstillBetween(before: readonly Beat[], after: readonly Beat[]): Standstill {
  if (before.length === 0 || after.length === 0) {
    throw new TestkitError(`a standstill needs beats on both sides; there were ${before.length} and ${after.length}`);
  }
  const lead = (beats: readonly Beat[]) =>
    Math.min(...beats.map(({ guestUs, arrivedMs }) => arrivedMs - guestUs / 1000));
  return {
    standstillMs: lead(after) - lead(before),
    beatsBefore: before.length,
    beatsAfter: after.length,
  };
}

/** Notes the arrival of every beat that is written to a console's file from now on. */
function followBeats(path: string): { beats: Beat[]; watcher: FSWatcher } {
  const beats: Beat[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  let position = sizeOf(path);
  let unfinished = "";
  const watcher = watch(dirname(path), (_event, name) => {
    if (name !== basename(path)) return;
    const arrivedMs = performance.now();
    const added = readFrom(path, position, buffer);
    position += added.length;
    const lines = (unfinished + added).split("\n");
    unfinished = lines.pop() ?? "";
    for (const line of lines) {
      const match = /drover-beat us=(\d+) end/.exec(line);
      if (match !== null) beats.push({ guestUs: Number(match[1]), arrivedMs });
    }
  });
  return { beats, watcher };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function readFrom(path: string, position: number, buffer: Buffer): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    return buffer.toString("latin1", 0, readSync(file, buffer, 0, buffer.length, position));
  } finally {
    closeSync(file);
  }
}
