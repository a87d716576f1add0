import type { SchemaChange } from "./schema-change.ts";

/** Who does what one conductor at a time does, and up to which line the log of migrations was pruned. */
export const retention: SchemaChange = {
  number: 12,
  name: "0012-retention",
  statements: () => [
    `create table duties (
      name text primary key,
      owner text not null,
      expires_at bigint not null
    )`,
    `create table pruned_log (
      one integer primary key check (one = 1),
      up_to_id bigint not null
    )`,
  ],
};
