import type { SchemaChange } from "./schema-change.ts";

/** People name servers in requests: one is found among a hundred thousand. */
export const guestNames: SchemaChange = {
  number: 17,
  name: "0017-guest-names",
  statements: () => ["create index guests_by_name on guests (name)"],
};
