import type { SchemaChange } from "./schema-change.ts";

/** Who asked for what a line of a log tells of, and by which request: Nova's instance actions are named by it. */
export const logRequests: SchemaChange = {
  number: 6,
  name: "0006-log-requests",
  statements: () => ["alter table migration_log add column request text"],
};
