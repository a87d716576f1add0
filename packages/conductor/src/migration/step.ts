import type { Migration } from "@drover/model";
import type { MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";

/** What a step works with, beside the conductor's parts. */
export interface StepContext extends ConductorContext {
  /** Ends its calls when the record changes under it. */
  readonly signal: AbortSignal;
  /** How often it failed just before, one time after the other. */
  readonly failures: number;
  /** How often this conductor has waited in it since the record was last written. */
  readonly waits: number;
}

/**
 * - `done`: `change` is stored before the next step starts, so a restart goes on from there.
 * - `again`: `change` is stored and the same step runs again: what it is about to do is a fact first.
 * - `wait`: a report will move the record on; look again after `ms` at the latest.
 * - `queue`: it has to wait for a slot of one of `hosts`, and gives its source's back meanwhile; only while nothing is held.
 * - `lost`: contact is lost and the guest may be on either host: the reconciler asks.
 */
export type StepResult =
  | { readonly kind: "done" | "again"; readonly change: MigrationChange; readonly message: string }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "queue"; readonly hosts: readonly string[]; readonly message: string }
  | { readonly kind: "lost"; readonly message: string };

export type StepWork = (context: StepContext, migration: Migration) => Promise<StepResult>;

/** Takes back what the step did, or may have done. Idempotent; returns a sentence for the log. */
export type StepUndo = (context: StepContext, migration: Migration) => Promise<string>;

/**
 * One step of a flow. Every step is idempotent: after a crash on any line it is run again.
 *
 * A step that throws is undone, and so are those before it; a step `untilDone` is past the point of no return and is
 * repeated instead.
 */
export interface MigrationStep {
  readonly name: string;
  readonly work: StepWork;
  readonly undo: StepUndo | undefined;
  readonly untilDone: boolean;
}

export function step(
  name: string,
  work: StepWork,
  options: { undo: StepUndo } | { retry: "until-done" },
): MigrationStep {
  return "undo" in options
    ? { name, work, undo: options.undo, untilDone: false }
    : { name, work, undo: undefined, untilDone: true };
}
