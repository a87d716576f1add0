import { type QueryCreator, sql, type Transaction } from "kysely";
import type { Database } from "./database.ts";
import type { Tables } from "./schema/tables.ts";

/** A host, or the aggregates as a whole. */
export type PlacementSubject = { readonly host: string } | "aggregates";

/**
 * Notes in the transaction of the change that what placement looks at has changed there: who reads placement reads it anew.
 * To be called last: another change of the same subject waits from here until the commit.
 */
export async function notePlacementChange(
  database: Database,
  transaction: Transaction<Tables>,
  subject: PlacementSubject,
): Promise<void> {
  await placementNote(database, transaction, subject).execute();
}

/** The statement of {@link notePlacementChange}, for one that writes more. */
export function placementNote({ driver }: Database, db: QueryCreator<Tables>, subject: PlacementSubject) {
  const { kind, name } = subject === "aggregates" ? { kind: subject, name: "" } : { kind: "host", name: subject.host };
  return db
    .insertInto("placement_changes")
    .values({ kind, name, revision: driver.revision })
    .onConflict((conflict) =>
      conflict.columns(["kind", "name"]).doUpdateSet({ revision: sql<number>`excluded.revision` }),
    );
}
