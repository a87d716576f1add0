import type { MigrationLogEntry } from "@drover/model";
import type { Kysely } from "kysely";
import type { Database } from "./database.ts";
import type { LogRange } from "./migration-store.ts";
import { logEntryFromRow } from "./rows.ts";
import type { MigrationLogRow, Tables } from "./schema/tables.ts";

// A line gets its id when it is written and is seen when its transaction commits, which may be in another order: a reader that
// has seen line 8 may see line 7 later. Who follows the log must not pass 7 by. So what stands behind a gap is given only when
// the gap is known to stay: whoever wrote to the log when line 8 was seen has ended since, as the database itself says. No
// writer waits for a reader or does anything for it.

/** Between two looks at whether the writers of a gap have ended, ms. Their transactions take a few. */
const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;

export async function readLog(database: Database, uuids: readonly string[]): Promise<readonly MigrationLogEntry[]> {
  if (uuids.length === 0) return [];
  const rows = await database.query(`reading the log of ${uuids.length} migrations`, (db) =>
    db.selectFrom("migration_log").selectAll().where("migration_uuid", "in", uuids).orderBy("id").execute(),
  );
  return rows.map(logEntryFromRow);
}

export async function readLogAfter(
  database: Database,
  afterId: number,
  limit: number,
): Promise<readonly MigrationLogEntry[]> {
  const doing = "reading what is new in the log of migrations";
  const seen = await database.query(doing, (db) => rowsOf(db, { afterId, limit }));
  const whole = withoutGap(seen, afterId);
  if (whole.length > 0 || seen.length === 0) return whole.map(logEntryFromRow);
  await untilWritersEnded(database);
  // What is still missing up to the last that was seen will never come.
  const upToId = seen.at(-1)?.id ?? afterId;
  const settled = await database.query(doing, (db) => rowsOf(db, { afterId, upToId, limit }));
  return settled.map(logEntryFromRow);
}

export async function readLogRange(database: Database, range: LogRange): Promise<readonly MigrationLogEntry[]> {
  const rows = await database.query("reading a part of the log of migrations", (db) => rowsOf(db, range));
  return rows.map(logEntryFromRow);
}

export async function logBounds(
  database: Database,
): Promise<{ readonly oldestId: number; readonly newestId: number } | undefined> {
  const { oldest, newest, pruned } = await database.query(
    "looking for the end of the log of migrations",
    async (db) => {
      const [lines, noted] = await Promise.all([
        db
          .selectFrom("migration_log")
          .select((e) => [e.fn.min<number | null>("id").as("oldest"), e.fn.max<number | null>("id").as("newest")])
          .executeTakeFirstOrThrow(),
        db.selectFrom("pruned_log").select("up_to_id").executeTakeFirst(),
      ]);
      return { ...lines, pruned: noted?.up_to_id };
    },
  );
  const newestId = newest ?? pruned;
  if (newestId === undefined || newestId === null) return undefined;
  await untilWritersEnded(database);
  // A migration that goes on for long keeps lines that are older than others that were pruned.
  const oldestId = pruned === undefined ? (oldest ?? newestId) : pruned + 1;
  return { oldestId, newestId: Math.max(newestId, pruned ?? 0) };
}

function rowsOf(
  db: Kysely<Tables>,
  { afterId, upToId, limit }: { readonly afterId: number; readonly upToId?: number; readonly limit: number },
): Promise<MigrationLogRow[]> {
  let query = db.selectFrom("migration_log").selectAll().where("id", ">", afterId);
  if (upToId !== undefined) query = query.where("id", "<=", upToId);
  return query.orderBy("id").limit(limit).execute();
}

function withoutGap(rows: readonly MigrationLogRow[], afterId: number): readonly MigrationLogRow[] {
  const end = rows.findIndex((row, index) => row.id !== afterId + 1 + index);
  return end === -1 ? rows : rows.slice(0, end);
}

/** Resolves when none of those that write to the log now does so any more; those that begin meanwhile are not waited for. */
async function untilWritersEnded(database: Database): Promise<void> {
  const writers = () => database.query("looking for writers of the log", (db) => database.driver.writersOfLog(db));
  let waitedFor = await writers();
  for (let delayMs = FIRST_LOOK_MS; waitedFor.length > 0; delayMs = Math.min(delayMs * 2, LONGEST_LOOK_MS)) {
    await database.pause(delayMs);
    const stillWriting = new Set(await writers());
    waitedFor = waitedFor.filter((writer) => stillWriting.has(writer));
  }
}
