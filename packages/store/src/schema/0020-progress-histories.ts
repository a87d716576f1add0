import type { SchemaChange } from "./schema-change.ts";

/**
 * How the copies of migrations that are over went, for their reports. A table of its own: records are read all the time, and
 * these once in a while. It goes before its record, or with it.
 */
export const progressHistories: SchemaChange = {
  number: 20,
  name: "0020-progress-histories",
  statements: () => [
    `create table progress_histories (
      migration_uuid text primary key,
      archived_at bigint not null,
      points text not null
    )`,
    "create index progress_histories_by_age on progress_histories (archived_at)",
  ],
};
