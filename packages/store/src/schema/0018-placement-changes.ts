import type { SchemaChange } from "./schema-change.ts";

/**
 * Where something has changed that the choice of a destination looks at, and when: what each revision means is the driver's.
 * A host that is removed stays here, which tells that it is gone.
 */
export const placementChanges: SchemaChange = {
  number: 18,
  name: "0018-placement-changes",
  statements: () => [
    `create table placement_changes (
      kind text not null,
      name text not null,
      revision bigint not null,
      primary key (kind, name)
    )`,
    "create index placement_changes_by_revision on placement_changes (revision)",
  ],
};
