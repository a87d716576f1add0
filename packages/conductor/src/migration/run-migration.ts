import {
  DroverError,
  errorChain,
  HOLDS_SOURCE_SLOT,
  isDroverError,
  type Migration,
  type MigrationEvent,
  serializeError,
  TERMINAL,
} from "@drover/model";
import type { LogLine, MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import type { WaitFor } from "../work/migration-signals.ts";
import { liveMigrateSteps } from "./live-migrate.ts";
import { reconcileMigration } from "./reconcile-migration.ts";
import { transition } from "./record-change.ts";
import type { MigrationStep, StepContext } from "./step.ts";
import { markStepFailed, StepSpans } from "./step-spans.ts";
import { takeSlot } from "./take-slot.ts";
import { VouchedRecord } from "./vouched-record.ts";

/** A migration that waits for a destination looks at least this often; usually it is told when one may be free. */
const QUEUE_LOOK_MS = 5_000;

/** Pauses between two tries of something that has to be done, ms: the second try is quick, the later ones are patient. */
const RETRY_MS = [200, 1_000, 2_000, 5_000] as const;

/** A call that nobody took, or that was not answered in time, is tried so often before the step counts as failed. */
const TRIES_PER_STEP = 3;

/** What the runner does next with a record. */
type Next =
  | { readonly kind: "look-again" }
  | ({ readonly kind: "wait"; readonly ms: number } & WaitFor)
  | { readonly kind: "over" };

const lookAgain: Next = { kind: "look-again" };

/** How a runner is ended. */
export interface RunnerEnd {
  /** Nothing new is begun: what is under way may finish, and another conductor goes on from the record. */
  readonly drain: AbortSignal;
  /** The lease is lost, or the time to drain is over: calls under way are given up. Aborted only with, or after, `drain`. */
  readonly stop: AbortSignal;
}

/**
 * Walks one migration through its steps until it is over or `end` says so. Everything it knows is in the record: it may be
 * cut off on any line and begun elsewhere.
 *
 * The caller holds the migration's lease. Writes by others (reports, requests) are conflicts here: the record is read
 * again and the decision made anew.
 */
export async function runMigration(context: ConductorContext, uuid: string, end: RunnerEnd): Promise<void> {
  const logger = context.logger.child({ migrationId: uuid });
  const vouched = new VouchedRecord(context.signals.wasCreatedHere(uuid));
  const progress: Progress = {
    failures: 0,
    waits: 0,
    generation: 0,
    queuedAt: undefined,
    holdsSlotOf: undefined,
    vouched,
    spans: new StepSpans(),
  };
  context.signals.watch(uuid);
  try {
    await walk({ ...context, logger }, uuid, end, progress);
  } finally {
    progress.spans.end();
    context.signals.forget(uuid);
    // It may have been told of a slot that it does not need any more.
    const source = progress.queuedAt ?? progress.holdsSlotOf;
    if (source !== undefined) wakeNext(context, source);
  }
}

/** What the runner remembers between two looks at the record: for economy alone. */
interface Progress {
  /** Failures just before, one after the other. */
  failures: number;
  /** How often it has waited since the record was last written. */
  waits: number;
  generation: number;
  /** The source whose slot it waits for. */
  queuedAt: string | undefined;
  /** The source whose slot it had when it last looked. */
  holdsSlotOf: string | undefined;
  /** The agents were asked whether the record is as new as what they know. */
  readonly vouched: VouchedRecord;
  readonly spans: StepSpans;
}

async function walk(
  context: ConductorContext,
  uuid: string,
  { drain, stop }: RunnerEnd,
  progress: Progress,
): Promise<void> {
  while (!drain.aborted && !stop.aborted) {
    let next: Next;
    try {
      const migration = await context.store.migrations.get(uuid);
      if (migration?.generation !== progress.generation) progress.waits = 0;
      progress.generation = migration?.generation ?? 0;
      noteSlot(context, migration, progress);
      next = migration === undefined ? { kind: "over" } : await advance(context, migration, stop, progress);
      progress.failures = 0;
    } catch (error) {
      if (stop.aborted) return;
      if (isDroverError(error, "conflict")) continue;
      progress.failures += 1;
      const { failures } = progress;
      const pauseMs = RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? 5_000;
      context.logger.warn({ problem: errorChain(error), failures, pauseMs }, "a step is tried again");
      next = { kind: "wait", ms: pauseMs };
    }
    if (next.kind === "over") return;
    progress.waits += 1;
    if (next.kind === "wait") await context.signals.wait(uuid, next.ms, drain, next);
  }
}

/** Its end may have been recorded by another conductor, which does not know who waits in this one. */
function noteSlot(context: ConductorContext, migration: Migration | undefined, progress: Progress): void {
  const had = progress.holdsSlotOf;
  const holds = migration !== undefined && HOLDS_SOURCE_SLOT.has(migration.state);
  progress.holdsSlotOf = holds ? migration.sourceHost : undefined;
  if (had !== undefined && !holds) wakeNext(context, had);
}

function wakeNext({ signals }: ConductorContext, sourceHost: string): void {
  signals.wakeFirst(`outgoing of ${sourceHost}`);
  signals.wakeFirst("fleet");
}

async function advance(
  context: ConductorContext,
  migration: Migration,
  stop: AbortSignal,
  progress: Progress,
): Promise<Next> {
  if (TERMINAL.has(migration.state)) return { kind: "over" };
  const { sourceHost, destinationHost } = migration;
  context.signals.concerns(migration.uuid, destinationHost === null ? [sourceHost] : [sourceHost, destinationHost]);
  const look = async (step: StepContext): Promise<Next> => {
    if (await progress.vouched.settleIfOutdated(step, migration)) return lookAgain;
    switch (migration.state) {
      case "queued":
        return await awaitSlot(step, migration, progress);
      case "rolling-back":
        return await undoStep(step, migration);
      case "unknown":
      case "post-copy-paused":
      case "error":
        return await reconcileMigration(step, migration);
      default:
        return await runStep(step, migration);
    }
  };
  return await progress.spans.within(migration, () => interruptible(context, migration, stop, progress, look));
}

/** A change of the record ends the calls of its step; what they threw is no failure then. */
async function interruptible(
  context: ConductorContext,
  migration: Migration,
  stop: AbortSignal,
  { failures, waits }: Progress,
  work: (step: StepContext) => Promise<Next>,
): Promise<Next> {
  return await context.signals.interruptible(migration.uuid, stop, async (signal) => {
    try {
      return await work({ ...context, signal, failures, waits });
    } catch (error) {
      if (signal.aborted) return lookAgain;
      throw error;
    }
  });
}

async function awaitSlot(context: StepContext, migration: Migration, progress: Progress): Promise<Next> {
  progress.queuedAt = migration.sourceHost;
  const wait = await takeSlot(context, migration);
  if (wait !== undefined) return { kind: "wait", ...wait };
  progress.queuedAt = undefined;
  return lookAgain;
}

async function runStep(context: StepContext, migration: Migration): Promise<Next> {
  const step = stepOf(migration);
  const logger = context.logger.child({ step: step.name });
  try {
    const result = await step.work({ ...context, logger }, migration);
    switch (result.kind) {
      case "wait":
        return { kind: "wait", ms: result.ms };
      case "again":
        await write(context, migration, result.change, { event: step.name, message: result.message });
        return lookAgain;
      case "queue":
        await move(
          context,
          migration,
          "wait",
          { reason: result.message, waitsFor: "destination", waitsForHosts: result.hosts },
          result.message,
        );
        return { kind: "wait", ms: QUEUE_LOOK_MS, wakers: ["incoming"], precedence: migration };
      case "lost":
        await move(context, migration, "lose", { reason: result.message }, result.message);
        return lookAgain;
      case "done":
        await stepDone(context, migration, step, result.change, result.message);
        return lookAgain;
    }
  } catch (error) {
    if (context.signal.aborted || isDroverError(error, "conflict")) throw error;
    if (isDroverError(error, "outcome-unknown")) {
      markStepFailed(error);
      await move(context, migration, "lose", { reason: errorChain(error) }, errorChain(error));
      return lookAgain;
    }
    if (step.untilDone || isWorthRepeating(error, context.failures)) {
      await noteWhyItWaits(context, migration, error);
      throw error;
    }
    markStepFailed(error);
    const failure = serializeError(error);
    await move(context, migration, "fail", { failure, reason: failure.message }, failure.message);
    return lookAgain;
  }
}

async function stepDone(
  context: StepContext,
  migration: Migration,
  step: MigrationStep,
  change: MigrationChange,
  message: string,
): Promise<void> {
  const following = liveMigrateSteps[liveMigrateSteps.findIndex((entry) => entry.name === step.name) + 1];
  if (following !== undefined) {
    await write(context, migration, { ...change, step: following.name, reason: null }, { event: step.name, message });
    return;
  }
  await move(context, migration, "done", { ...change, step: null, reason: null }, message);
}

/** Undoes the step that the record names, then names the one before; after the first the migration is over. */
async function undoStep(context: StepContext, migration: Migration): Promise<Next> {
  const step = stepOf(migration);
  const index = liveMigrateSteps.findIndex((entry) => entry.name === step.name);
  let message = "";
  try {
    message = (await step.undo?.(context, migration)) ?? "nothing to undo";
  } catch (error) {
    if (!isDroverError(error, "outcome-unknown")) {
      if (!context.signal.aborted && !isDroverError(error, "conflict")) await noteWhyItWaits(context, migration, error);
      throw error;
    }
    await move(context, migration, "lose", { reason: errorChain(error) }, errorChain(error));
    return lookAgain;
  }
  const before = liveMigrateSteps[index - 1];
  if (before !== undefined) {
    await write(context, migration, { step: before.name }, { event: `undo ${step.name}`, message });
    return lookAgain;
  }
  const ending: MigrationEvent = migration.failure === null ? "undoneOnRequest" : "undone";
  const reason = migration.failure?.message ?? migration.reason;
  await move(context, migration, ending, { step: null, reason }, message);
  return lookAgain;
}

function stepOf(migration: Migration): MigrationStep {
  const step = liveMigrateSteps.find((entry) => entry.name === migration.step);
  if (step !== undefined) return step;
  throw new DroverError(
    "internal",
    `migration ${migration.uuid} is ${migration.state} at the unknown step ${migration.step}`,
  );
}

/** The broker or a scheduler that is away is waited for; a silent agent gets a few tries. */
function isWorthRepeating(error: unknown, failures: number): boolean {
  if (isDroverError(error, "unavailable")) return true;
  const silent = isDroverError(error, "agent-unreachable") || isDroverError(error, "deadline-exceeded");
  return silent && failures + 1 < TRIES_PER_STEP;
}

/**
 * People see why nothing happens. Best effort: the store itself may be what is away. While it is rolled back the reason is
 * why that is so, and stays; the log has what it waits for.
 */
async function noteWhyItWaits(context: StepContext, migration: Migration, error: unknown): Promise<void> {
  const problem = errorChain(error);
  context.logger.warn({ step: migration.step, problem }, "a step waits");
  const rollingBack = migration.state === "rolling-back";
  if (rollingBack ? context.failures > 0 : migration.reason === problem) return;
  await write(context, migration, rollingBack ? {} : { reason: problem }, { event: "wait", message: problem });
}

async function write(
  context: ConductorContext,
  migration: Migration,
  change: MigrationChange,
  log: LogLine,
): Promise<void> {
  await context.store.migrations.update(migration.uuid, migration, change, log);
}

async function move(
  context: ConductorContext,
  migration: Migration,
  event: MigrationEvent,
  change: MigrationChange,
  message: string,
): Promise<void> {
  const after = await transition(context, migration, [event], change, { event, message });
  const ended = TERMINAL.has(after.state);
  const fields = { state: after.state, reason: after.reason, host: after.destinationHost ?? after.sourceHost };
  if (ended) context.logger.info(fields, "a migration is over");
  else context.logger.info(fields, "a migration changed its state");
}
