import type { SchemaChange } from "./schema-change.ts";

/** The trace that a migration was asked for in: its steps hang below it, whichever conductor does them. */
export const traces: SchemaChange = {
  number: 11,
  name: "0011-traces",
  statements: () => ["alter table migrations add column traceparent text"],
};
