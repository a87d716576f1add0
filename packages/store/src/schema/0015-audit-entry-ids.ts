import type { SchemaChange } from "./schema-change.ts";

/** What an API tells may come twice; under the id that it gave it stands once. Many rows have none. */
export const auditEntryIds: SchemaChange = {
  number: 15,
  name: "0015-audit-entry-ids",
  statements: () => [
    "alter table audit add column entry_id text",
    "create unique index audit_by_entry_id on audit (entry_id)",
  ],
};
