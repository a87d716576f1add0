import type { SchemaChange } from "./schema-change.ts";

/**
 * Where servers may run: groups of servers that are to be together or apart, aggregates of hosts and the zones they make up,
 * the zone that a server asked for, and the maintenance that a host is in.
 */
export const placement: SchemaChange = {
  number: 7,
  name: "0007-placement",
  statements: ({ serialKey }) => [
    `create table server_groups (
      uuid text primary key,
      name text not null unique,
      policy text not null,
      max_servers_per_host integer not null,
      created_at bigint not null
    )`,
    `create table server_group_members (
      server_uuid text primary key,
      group_uuid text not null references server_groups (uuid) on delete cascade
    )`,
    "create index server_group_members_by_group on server_group_members (group_uuid)",
    `create table aggregates (
      id ${serialKey},
      name text not null unique,
      availability_zone text,
      metadata text not null,
      created_at bigint not null
    )`,
    `create table aggregate_hosts (
      aggregate_id bigint not null references aggregates (id) on delete cascade,
      host text not null,
      primary key (aggregate_id, host)
    )`,
    `create table server_zones (
      server_uuid text primary key,
      availability_zone text not null
    )`,
    "alter table hosts add column maintenance_reason text",
    "alter table hosts add column maintenance_since bigint",
  ],
};
