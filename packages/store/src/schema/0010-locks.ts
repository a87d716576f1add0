import type { SchemaChange } from "./schema-change.ts";

/** Servers that operators lock, and hosts that they force down. */
export const locks: SchemaChange = {
  number: 10,
  name: "0010-locks",
  statements: () => [
    `create table server_locks (
      server_uuid text primary key,
      reason text,
      locked_by text not null,
      by_admin integer not null,
      locked_at bigint not null
    )`,
    "alter table hosts add column forced_down integer not null default 0",
  ],
};
