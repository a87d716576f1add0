import type { SchemaChange } from "./schema-change.ts";

/** At which hosts a migration waits for an incoming slot: JSON names, null where at none. */
export const destinationQueue: SchemaChange = {
  number: 8,
  name: "0008-destination-queue",
  statements: () => ["alter table migrations add column waits_for_hosts text"],
};
