import type { SchemaChange } from "./schema-change.ts";

/** What requests over HTTP are let in by. No secret is in it: only hashes of them. */
export const tokens: SchemaChange = {
  number: 9,
  name: "0009-tokens",
  statements: () => [
    `create table tokens (
      id text primary key,
      name text not null,
      role text not null,
      project_id text not null,
      networks text not null,
      secret_hash text not null,
      created_by text not null,
      created_at bigint not null,
      expires_at bigint,
      revoked_by text,
      revoked_at bigint
    )`,
  ],
};
