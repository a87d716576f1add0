/** What the conductor answers about the fleet: what a service that has only the bus needs to find its way. */
import { defineCall } from "@drover/bus";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";
import { hostName } from "./schemas.ts";
import { hostView, migrationDetail, migrationView, serverView } from "./views.ts";

/** Reading changes nothing and may be repeated. */
const reading = { ...conductorTopic, access: "read", idempotent: true, deadlineMs: 10_000 } as const;

/** Rows of one page at most: an answer stays well below what one message may hold. */
export const MAX_PAGE_ROWS = 1000;
const limit = z.int().min(1).max(MAX_PAGE_ROWS).nullish().describe(`Rows at most; ${MAX_PAGE_ROWS} without it.`);

const serverReference = z.string().min(1).max(255).describe("Uuid or unambiguous name.");
const migrationReference = z.string().min(1).max(36);

const noSuchServer = "No such server.";
const unknownMarker = "The listing has no server `marker` (any more).";
const ambiguous = "The name is that of several servers; `details.uuids` has them.";

export const listServers = defineCall({
  ...reading,
  method: "list_servers",
  description:
    "Servers, by name and then by uuid. A page that has fewer rows than `limit` is the last; for the next one, give the " +
    "uuid of the last row as `marker`.",
  errors: { "bad-request": unknownMarker },
  request: z.strictObject({
    host: hostName.nullish().describe("Only those on this host."),
    name: z.string().min(1).max(255).nullish().describe("Only those of exactly this name."),
    limit,
    marker: z.string().max(36).nullish().describe("Uuid of the last server of the page before."),
  }),
  response: z.object({ servers: z.array(serverView) }),
});

export const getServer = defineCall({
  ...reading,
  method: "get_server",
  description: "One server: where it runs, and the migration that it is in.",
  errors: { "not-found": noSuchServer, "bad-request": ambiguous },
  request: z.strictObject({ server: serverReference }),
  response: z.object({ server: serverView }),
});

export const listHosts = defineCall({
  ...reading,
  method: "list_hosts",
  description:
    "Hosts with their facts, by name. A page that has fewer rows than `limit` is the last; for the next one, give the " +
    "name of the last row as `marker`.",
  request: z.strictObject({
    limit,
    marker: hostName.nullish().describe("Name of the last host of the page before."),
  }),
  response: z.object({ hosts: z.array(hostView) }),
});

export const listMigrations = defineCall({
  ...reading,
  method: "list_migrations",
  description:
    "Migrations, the newest first, with their progress. A page that has fewer rows than `limit` is the last; for the next " +
    "one, give the number or uuid of the last row as `marker`.",
  errors: {
    "not-found": "No such server, or no such migration as `marker`.",
    "bad-request": `${ambiguous} Or \`status\` names nothing.`,
  },
  request: z.strictObject({
    server: serverReference.nullish(),
    status: z.string().nullish().describe("A state, or Nova's word for one."),
    host: hostName.nullish().describe("Source or destination."),
    active: z.boolean().nullish().describe("True: only those that are not over; false: only those that are."),
    limit,
    marker: migrationReference.nullish().describe("The last migration of the page before."),
  }),
  response: z.object({ migrations: z.array(migrationView) }),
});

export const getMigration = defineCall({
  ...reading,
  method: "get_migration",
  description:
    "One migration with its progress and with what happened to it. Ask for it until `state` is `completed`, `failed`, " +
    "`cancelled` or `error`; twice a second is as often as the numbers change.",
  errors: { "not-found": "No such migration." },
  request: z.strictObject({
    migration: z.union([migrationReference, z.int().positive()]).describe("Uuid or number."),
  }),
  response: migrationDetail,
});
