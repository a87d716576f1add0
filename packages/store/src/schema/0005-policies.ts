import type { SchemaChange } from "./schema-change.ts";

/**
 * Where each value of a policy came from; how a force-complete is to be done; the newest request for other limits, and for a
 * broken post-copy to be resumed; the numbers that a decision was taken on; and what a guest's definition says of it.
 */
export const policies: SchemaChange = {
  number: 5,
  name: "0005-policies",
  statements: () => [
    "alter table migrations add column policy_origins text not null default '{}'",
    "alter table migrations add column force_complete_method text",
    "alter table migrations add column tuning text",
    "alter table migrations add column resume text",
    "alter table guests add column metadata text not null default '{}'",
    "alter table migration_log add column numbers text",
  ],
};
