import type { SchemaChange } from "./schema-change.ts";

/** Addresses that are told of changes of migrations, and up to which line of the log each was told. */
export const webhooks: SchemaChange = {
  number: 14,
  name: "0014-webhooks",
  statements: () => [
    `create table webhooks (
      id text primary key,
      url text not null,
      secret text not null,
      states text not null,
      enabled integer not null,
      disabled_reason text,
      position bigint not null,
      failing_since bigint,
      last_error text,
      last_delivered_at bigint,
      created_at bigint not null,
      created_by text not null
    )`,
  ],
};
