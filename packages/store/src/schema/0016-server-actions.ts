import type { SchemaChange } from "./schema-change.ts";

/** What was asked of servers beside moving them, for `os-instance-actions`. */
export const serverActions: SchemaChange = {
  number: 16,
  name: "0016-server-actions",
  statements: ({ serialKey }) => [
    `create table server_actions (
      id ${serialKey},
      server_uuid text not null,
      action text not null,
      request_id text not null,
      user_id text not null,
      project_id text,
      host text,
      started_at bigint not null,
      finished_at bigint,
      error text
    )`,
    "create index server_actions_by_server on server_actions (server_uuid, id)",
    "create index server_actions_by_time on server_actions (started_at)",
  ],
};
