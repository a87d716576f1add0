import type { SchemaChange } from "./schema-change.ts";

/** Nova's `block_migration` as it was asked for: 1, 0, or null for `auto`. */
export const blockMigration: SchemaChange = {
  number: 3,
  name: "0003-block-migration",
  statements: () => ["alter table migrations add column block_migration integer"],
};
