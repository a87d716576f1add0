import { type Migration, type MigrationLogEntry, type MigrationState, TERMINAL } from "@drover/model";

/** One stage of an action, with Nova's name for it. */
export interface InstanceEvent {
  readonly event: string;
  /** Null where it is nobody's host: the conductor. */
  readonly host: string | null;
  readonly startedAt: Date;
  /** Null while it is under way, as is `result`. */
  readonly finishedAt: Date | null;
  readonly result: "Success" | "Error" | null;
  /** Why it is an error; null otherwise. */
  readonly details: string | null;
}

type Place = "source" | "destination" | "nowhere";

interface Stage {
  readonly event: string;
  readonly on: Place;
}

/** In their order; what Nova's conductor and compute service record of a live migration. */
const STAGES = [
  { event: "conductor_live_migrate_instance", on: "nowhere" },
  { event: "compute_pre_live_migration", on: "destination" },
  { event: "compute_live_migration", on: "source" },
  { event: "compute_post_live_migration_at_destination", on: "destination" },
  { event: "compute__post_live_migration", on: "source" },
] as const satisfies readonly Stage[];

const ROLLBACK: Stage = { event: "compute__rollback_live_migration", on: "source" };

/** The stage that begins with a line of the log, by the line's event: the step before it is done. */
const STAGE_AFTER: Readonly<Record<string, number>> = {
  "choose-destination": 1,
  "prepare-destination": 2,
  "finish-destination": 4,
};
/** The same by the state that a line led to: the guest has arrived. */
const STAGE_IN: Partial<Record<MigrationState, number>> = { "post-migrating": 3, completed: 3 };

const TURNED_BACK: ReadonlySet<MigrationState> = new Set(["rolling-back", "failed", "cancelled"]);

/** The stages of a live migration, the newest first, from what its log tells. */
export function liveMigrationEvents(migration: Migration, log: readonly MigrationLogEntry[]): readonly InstanceEvent[] {
  const ended: InstanceEvent[] = [];
  let index = 0;
  let stage: Stage | undefined = STAGES[0];
  let startedAt = migration.createdAt;

  function end(at: Date, result: "Success" | "Error", details: string | null = null): void {
    if (stage !== undefined) ended.push({ ...begun(stage, startedAt, migration), finishedAt: at, result, details });
    startedAt = at;
  }

  for (const { at, event, state, message } of log) {
    const reached = Math.max(index, STAGE_AFTER[event] ?? 0, STAGE_IN[state] ?? 0);
    while (index < reached && stage !== ROLLBACK) {
      end(at, "Success");
      index += 1;
      stage = STAGES[index];
    }
    if (stage !== ROLLBACK && TURNED_BACK.has(state)) {
      end(at, "Error", message);
      stage = ROLLBACK;
      if (state !== "rolling-back") stage = undefined;
    }
    if (!TERMINAL.has(state)) continue;
    end(at, "Success");
    stage = undefined;
  }
  const underWay = stage === undefined ? [] : [begun(stage, startedAt, migration)];
  return [...ended, ...underWay].reverse();
}

function begun({ event, on }: Stage, startedAt: Date, migration: Migration): InstanceEvent {
  const host = { source: migration.sourceHost, destination: migration.destinationHost, nowhere: null }[on];
  return { event, host, startedAt, finishedAt: null, result: null, details: null };
}
