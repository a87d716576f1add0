import type { SchemaChange } from "./schema-change.ts";

/**
 * People name servers in requests: one is found among a hundred thousand. Lists of servers are in order of name, and are read page by
 * page along the same index.
 */
export const guestNames: SchemaChange = {
  number: 17,
  name: "0017-guest-names",
  statements: ({ byteOrder }) => [`create index guests_by_name on guests (name ${byteOrder}, uuid ${byteOrder})`],
};
