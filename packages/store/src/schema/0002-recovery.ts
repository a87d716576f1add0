import type { SchemaChange } from "./schema-change.ts";

/**
 * The hosts' words that decided a record in doubt; and for each host the time up to which writes about it may be missing,
 * after the database was restored from a backup, and the counter of its agent's newest report.
 */
export const recovery: SchemaChange = {
  number: 2,
  name: "0002-recovery",
  statements: () => [
    "alter table migrations add column proof text",
    "alter table hosts add column restored_up_to bigint not null default 0",
    "alter table hosts add column report_sequence bigint not null default 0",
  ],
};
