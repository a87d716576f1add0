import { setImmediate as turn } from "node:timers/promises";
import { type Clock, errorChain, type Logger, type Migration, type MigrationLogEntry, pause } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Store } from "@drover/store";

/** Lines read at once, and told in one turn: a reader's connection takes so many. */
const PAGE_ROWS = 50;
/** Changes of a moment are read together: so many looks a second at most, however much happens. */
const GATHER_MS = 20;
/** An announcement may get lost: then a line waits for so long. */
const LOOK_ANYWAY_MS = 5_000;

/** A line of the log, and the record that it tells of as it was when it was read. */
export interface LoggedChange {
  readonly line: MigrationLogEntry;
  readonly migration: Migration;
}

export interface LogFollower {
  /** Id of the last line that was told. */
  readonly position: number;
  stop(): Promise<void>;
}

/**
 * Tells of every line that is added to the log from now on, in the order of ids, each once. The database is read when somebody
 * says that records have changed, once for all who want to know in this process.
 *
 * @param options.onRewound The database was put back from a backup: ids begin again further down.
 * @throws {DroverError} `unavailable` when the database is away; once it has begun, the follower waits for it.
 */
export async function followLog(options: {
  readonly store: Pick<Store, "migrations">;
  readonly progress: Pick<ProgressCache, "onChange">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChanges: (changes: readonly LoggedChange[]) => void;
  readonly onRewound: () => void;
}): Promise<LogFollower> {
  const { store, progress, clock, logger, onChanges, onRewound } = options;
  const { migrations } = store;
  const stopping = new AbortController();
  let isNews = false;
  let wake = new AbortController();
  const endNotices = await progress.onChange(() => {
    isNews = true;
    wake.abort();
  });
  const newestId = async () => (await migrations.logBounds())?.newestId ?? 0;
  let position = await newestId().catch(async (error: unknown) => {
    await endNotices();
    throw error;
  });

  async function readOn(): Promise<void> {
    for (;;) {
      const lines = await migrations.readLogAfter(position, PAGE_ROWS);
      const last = lines.at(-1);
      if (last === undefined) return;
      const records = await migrations.getMany([...new Set(lines.map(({ migrationUuid }) => migrationUuid))]);
      if (stopping.signal.aborted) return;
      position = last.id;
      onChanges(
        lines.flatMap((line) => {
          const migration = records.get(line.migrationUuid);
          return migration === undefined ? [] : [{ line, migration }];
        }),
      );
      // Readers take what they were told: SQLite answers without letting anybody else have a turn.
      await turn();
    }
  }

  async function notice(): Promise<void> {
    const newest = await newestId();
    if (newest >= position) return;
    position = newest;
    onRewound();
  }

  async function untilStopped(): Promise<void> {
    let failing = false;
    while (!stopping.signal.aborted) {
      const hadNews = isNews;
      isNews = false;
      wake = new AbortController();
      try {
        await readOn();
        if (!hadNews) await notice();
        failing = false;
      } catch (error) {
        if (!failing) logger.warn({ problem: errorChain(error) }, "the log of migrations cannot be followed just now");
        failing = true;
      }
      await pause(clock, GATHER_MS, stopping.signal);
      const ends = AbortSignal.any([stopping.signal, wake.signal]);
      if (!isNews) await pause(clock, LOOK_ANYWAY_MS, ends);
    }
  }

  const stopped = untilStopped();
  return {
    get position() {
      return position;
    },
    stop: async () => {
      stopping.abort();
      await endNotices();
      await stopped;
    },
  };
}
