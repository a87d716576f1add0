import type { SchemaChange } from "./schema-change.ts";

/**
 * What orders waiting migrations (the larger priority first, then the older), what one that gave its slot back waits for,
 * and the limits that an operator has set for a host, null where the conductors' default holds.
 */
export const queue: SchemaChange = {
  number: 4,
  name: "0004-queue",
  statements: () => [
    "alter table migrations add column priority integer not null default 0",
    "alter table migrations add column waits_for text",
    "alter table hosts add column max_outgoing integer",
    "alter table hosts add column max_incoming integer",
  ],
};
