import type { SchemaChange } from "./schema-change.ts";

const FACTS = [
  ...["id", "at", "user_id", "project_id", "role", "token_id", "remote_address", "sender", "action", "resource"],
  ...["request", "http_status", "request_id", "times"],
];

/** Who asked for what. A row is written once; what came of it is filled in once. The database itself holds to that. */
export const audit: SchemaChange = {
  number: 13,
  name: "0013-audit",
  statements: ({ serialKey, refuseUpdates }) => [
    `create table audit (
      id ${serialKey},
      at bigint not null,
      user_id text,
      project_id text,
      role text,
      token_id text,
      remote_address text,
      sender text,
      action text not null,
      resource text,
      request text,
      outcome text,
      message text,
      http_status integer,
      request_id text not null,
      times integer not null
    )`,
    "create index audit_by_time on audit (at)",
    ...refuseUpdates(
      "audit",
      ["old.outcome is not null", ...FACTS.map((column) => `new.${column} is distinct from old.${column}`)].join(
        " or ",
      ),
    ),
  ],
};
