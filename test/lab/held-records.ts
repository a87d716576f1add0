import { waitFor } from "@drover/testkit";
import type { LabPlane } from "./lab-plane.ts";

/** Records that nobody can write: whoever tries waits in the database until the release. */
export interface HeldRecords {
  /** Resolves when a write of the column waits. */
  untilWriting(column: string): Promise<void>;
  /** Lets those who wait write; resolves when the hold is gone. */
  release(): Promise<void>;
}

/** Holds migrations' records, so that a test can do something between a decision to write and the write. */
export async function holdRecords(
  { postgres, storeUrl }: Pick<LabPlane, "postgres" | "storeUrl">,
  ids: readonly number[],
): Promise<HeldRecords> {
  const gate = `test_gate_${ids.join("_")}`;
  await postgres.sql(`create table ${gate} (open boolean)`, storeUrl);
  // A block is one transaction, and each of its statements sees what others have committed meanwhile.
  const hold = `do $$ begin
    perform 1 from migrations where id in (${ids.join(", ")}) for update;
    while not exists (select 1 from ${gate}) loop perform pg_sleep(0.02); end loop;
  end $$`;
  const held = postgres.sql(hold, storeUrl);
  held.catch(() => undefined);
  const waiting = (query: string) =>
    waitFor(`a statement with "${query}"`, async () => {
      const statements = `select count(*) from pg_stat_activity where ${query}`;
      return (await postgres.sql(statements, storeUrl)).trim() !== "0";
    });
  await waiting(`query like 'do $$%${gate}%' and wait_event = 'PgSleep'`);
  return {
    untilWriting: async (column) => {
      await waiting(`query like '%update "migrations"%${column}%' and wait_event_type = 'Lock'`);
    },
    release: async () => {
      await postgres.sql(`insert into ${gate} values (true)`, storeUrl);
      await held;
    },
  };
}
