import {
  DroverError,
  HOLDS_SOURCE_SLOT,
  isDroverError,
  type Migration,
  type MigrationEvent,
  type MigrationState,
  nextState,
  TERMINAL,
} from "@drover/model";
import type { LogLine, MigrationChange, Store } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";

/**
 * The state after `events`, one after the other: a report that arrives before the one it follows stands for both.
 *
 * @throws {DroverError} `internal` when the table has no such arrow: a bug of ours, nothing was written.
 */
function stateAfter(state: MigrationState, events: readonly MigrationEvent[]): MigrationState {
  return events.reduce((from, event) => {
    const to = nextState(from, event);
    if (to === undefined) throw new DroverError("internal", `a migration that is ${from} cannot "${event}"`);
    return to;
  }, state);
}

/**
 * Writes one transition by compare-and-set, with the times that follow from it. What is over holds no claim.
 *
 * @param options.restored The record is older than what agents saw of it: its generation is raised beyond that.
 *
 * @throws {DroverError} `conflict` when somebody else wrote first: read again and decide again.
 */
export async function transition(
  context: Pick<ConductorContext, "store" | "clock" | "signals" | "metrics">,
  migration: Migration,
  events: readonly MigrationEvent[],
  change: MigrationChange,
  log: LogLine,
  { restored = false }: { readonly restored?: boolean } = {},
): Promise<Migration> {
  const state = stateAfter(migration.state, events);
  const now = context.clock.now();
  const times: MigrationChange = {
    ...(events.includes("started") ? { startedAt: now } : {}),
    ...(TERMINAL.has(state) ? { endedAt: now } : {}),
  };
  const whole = { ...change, ...times, state };
  const { migrations } = context.store;
  const after = restored
    ? await migrations.updateRestored(migration.uuid, migration, whole, log)
    : await migrations.update(migration.uuid, migration, whole, log);
  if (state !== migration.state) context.metrics.moved(after);
  // Now that no claim is given to it any more: one made by a conductor that died, or had lost its lease, is freed too.
  if (TERMINAL.has(state)) await context.store.claims.release(migration.uuid);
  if (HOLDS_SOURCE_SLOT.has(migration.state) && !HOLDS_SOURCE_SLOT.has(state)) {
    context.signals.wakeFirst(`outgoing of ${migration.sourceHost}`);
    context.signals.wakeFirst("fleet");
  }
  return after;
}

/** A decision on a record: what to write, or nothing. It is made again on a fresh record after each conflict. */
export type Decide<Result> = (migration: Migration) => Promise<Result>;

/**
 * Reads a record, decides on it, and does so again while somebody else writes first.
 *
 * @throws {DroverError} `not-found` for an unknown migration; what `decide` throws.
 */
export async function decideOnFreshRecord<Result>(
  store: Store,
  migrationUuid: string,
  decide: Decide<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const migration = await store.migrations.get(migrationUuid);
    if (migration === undefined) {
      throw new DroverError("not-found", `there is no migration ${migrationUuid}`, { details: { migrationUuid } });
    }
    try {
      return await decide(migration);
    } catch (error) {
      if (!isDroverError(error, "conflict") || attempt >= 20) throw error;
    }
  }
}
