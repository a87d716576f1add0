import type { SchemaChange } from "./schema-change.ts";

/**
 * First schema. The text is the same for both drivers except for how a table numbers its rows.
 *
 * `migration_progress` has no foreign key: it is written from a cache that outlives records, and one unknown uuid must
 * not fail the statement that carries thousands.
 */
export const initial: SchemaChange = {
  number: 1,
  name: "0001-initial",
  statements: ({ serialKey }) => [
    `create table hosts (
      id ${serialKey},
      uuid text not null unique,
      host text not null unique,
      facts text not null,
      agent_version text not null,
      enabled integer not null,
      disabled_reason text,
      registered_at bigint not null,
      last_seen_at bigint not null
    )`,
    `create table guests (
      uuid text not null,
      host text not null,
      name text not null,
      power_state text not null,
      persistent integer not null,
      vcpus integer not null,
      memory_kib bigint not null,
      migrating integer not null,
      seen_at bigint not null,
      primary key (uuid, host)
    )`,
    "create index guests_by_host on guests (host)",
    `create table migrations (
      id ${serialKey},
      uuid text not null unique,
      server_uuid text not null,
      server_name text not null,
      state text not null,
      generation bigint not null,
      source_host text not null,
      destination_host text,
      requested_host text,
      memory_kib bigint not null,
      policy text not null,
      flags text not null,
      step text,
      outputs text not null,
      reason text,
      failure text,
      outcome text,
      agent_sequence bigint not null,
      requested_by text not null,
      project_id text not null,
      request_id text not null,
      abort_requested_at bigint,
      abort_requested_by text,
      force_complete_requested_at bigint,
      force_complete_requested_by text,
      request_answer text,
      final_progress text,
      created_at bigint not null,
      updated_at bigint not null,
      started_at bigint,
      ended_at bigint,
      lease_owner text,
      lease_expires_at bigint
    )`,
    `create unique index migrations_one_in_progress on migrations (server_uuid)
      where state not in ('completed', 'failed', 'cancelled')`,
    `create index migrations_in_progress on migrations (created_at, id)
      where state not in ('completed', 'failed', 'cancelled')`,
    `create index migrations_in_progress_by_source on migrations (source_host, state)
      where state not in ('completed', 'failed', 'cancelled')`,
    "create index migrations_newest on migrations (created_at, id)",
    "create index migrations_by_server on migrations (server_uuid)",
    "create index migrations_by_source on migrations (source_host, created_at)",
    "create index migrations_by_destination on migrations (destination_host, created_at)",
    "create index migrations_by_change on migrations (updated_at)",
    `create table migration_log (
      id ${serialKey},
      migration_uuid text not null references migrations (uuid) on delete cascade,
      at bigint not null,
      event text not null,
      state text not null,
      message text not null
    )`,
    "create index migration_log_by_migration on migration_log (migration_uuid, id)",
    `create table destination_claims (
      migration_uuid text primary key references migrations (uuid) on delete cascade,
      host text not null,
      memory_kib bigint not null,
      claimed_at bigint not null
    )`,
    "create index destination_claims_by_host on destination_claims (host)",
    `create table migration_progress (
      migration_uuid text primary key,
      sequence bigint not null,
      observed_at bigint not null,
      snapshot text not null
    )`,
  ],
};
