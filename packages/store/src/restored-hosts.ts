import type { Kysely } from "kysely";
import type { Tables } from "./schema/tables.ts";

/** Writes up to `upToMs` that concern the host may be missing. Only a later time is written. */
export async function noteRestored(db: Kysely<Tables>, host: string, upToMs: number): Promise<void> {
  await db
    .updateTable("hosts")
    .set({ restored_up_to: upToMs })
    .where("host", "=", host)
    .where("restored_up_to", "<", upToMs)
    .execute();
}
