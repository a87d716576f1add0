import type { components, paths } from "./v1.gen.ts";

/** The JSON of a successful answer, by path, method and status. */
type Answer<Path extends keyof paths, Method extends string, Status extends number> =
  paths[Path] extends Record<Method, { responses: Record<Status, { content: { "application/json": infer Body } }> }>
    ? Body
    : never;

/** A compute host: what its agent reported, and whether it is up. */
export type HostView = Answer<"/v1/hosts", "get", 200>["hosts"][number];

/** Whether a server could move, and where to: every check of every host. */
export type MigrationPreflightView = Answer<"/v1/servers/{server}/migration-preflight", "get", 200>;

/** Which servers of a host could move elsewhere, and why the others cannot. */
export type HostDeparturesView = Answer<"/v1/hosts/{host}/migration-preflight", "get", 200>;

/** Servers that are to run together, or apart. */
export type ServerGroupView = Answer<"/v1/server-groups", "get", 200>["groups"][number];

/** Hosts that have something in common; those with a zone make it up. */
export type AggregateView = Answer<"/v1/aggregates", "get", 200>["aggregates"][number];

/** A server: one libvirt uuid over all hosts, and its migration under way, if any. */
export type ServerView = Answer<"/v1/servers/{server}", "get", 200>["server"];

/** A migration with its newest progress. Times are ISO 8601, sizes and rates are in the names. */
export type MigrationView = Answer<"/v1/migrations/{migration}", "get", 200>["migration"];

/** The numbers of a copy: where they come from (`source`) and how old they are (`ageMs`). */
export type ProgressView = NonNullable<MigrationView["progress"]>;

/** How a copy went: points for a chart, and what is missing of them. */
export type ProgressHistoryView = Answer<"/v1/migrations/{migration}/progress-history", "get", 200>;

/** One migration and everything that happened to it, oldest first. */
export type MigrationDetail = Answer<"/v1/migrations/{migration}", "get", 200>;

/** `accepted`: it will be tried, the outcome is the migration's. `ignored`: already so. */
export type RequestAnswerView = Answer<"/v1/migrations/{migration}/abort", "post", 202>;

/** A message that a server gave up on, and why. */
export type ParkedView = Answer<"/v1/bus/parked", "get", 200>["parked"][number];

export type ParkedList = Answer<"/v1/bus/parked", "get", 200>;
export type ParkedReleased = Answer<"/v1/bus/parked/{id}/send-again", "post", 200>;
export type ServerGroupList = Answer<"/v1/server-groups", "get", 200>;
export type ServerGroupDetail = Answer<"/v1/server-groups/{group}", "patch", 200>;
export type AggregateList = Answer<"/v1/aggregates", "get", 200>;
export type AggregateDetail = Answer<"/v1/aggregates/{aggregate}", "patch", 200>;
export type Deleted = Answer<"/v1/aggregates/{aggregate}", "delete", 200>;
export type HostDetail = Answer<"/v1/hosts/{host}", "patch", 200>;
export type HostList = Answer<"/v1/hosts", "get", 200>;
export type ServerList = Answer<"/v1/servers", "get", 200>;
export type ServerDetail = Answer<"/v1/servers/{server}", "get", 200>;
export type MigrationList = Answer<"/v1/migrations", "get", 200>;
export type MigrationStarted = Answer<"/v1/servers/{server}/migrations", "post", 202>;

/** Something that happened to a migration, and its record as it was when that was told. */
export type MigrationChangeView = components["schemas"]["MigrationChange"];

/** What the event stream of one migration says: `event` is the kind, `data` /v1's JSON. */
export type MigrationEvent = components["schemas"]["MigrationEvent"];

/** What the event stream of all migrations says. */
export type FleetEvent = components["schemas"]["FleetEvent"];

/** An address that is told of changes, and how it is getting on. */
export type WebhookView = Answer<"/v1/webhooks", "get", 200>["webhooks"][number];

export type WebhookList = Answer<"/v1/webhooks", "get", 200>;
export type WebhookMade = Answer<"/v1/webhooks", "post", 201>;
export type WebhookDetail = Answer<"/v1/webhooks/{webhook}", "patch", 200>;
export type WebhookTested = Answer<"/v1/webhooks/{webhook}/test", "post", 200>;

/** The part of a policy that a request brings. */
export type RequestedPolicy = components["schemas"]["RequestedPolicyInput"];

/** A token as it is listed: without its secret. */
export type TokenView = Answer<"/v1/tokens", "get", 200>["tokens"][number];
export type TokenList = Answer<"/v1/tokens", "get", 200>;
export type TokenDetail = Answer<"/v1/tokens/{id}", "delete", 200>;

/** A new token, and what its holder sends: `text` is in no other answer. */
export type TokenMade = Answer<"/v1/tokens", "post", 201>;

/** Who asked for what, from where, and what came of it. */
export type AuditView = Answer<"/v1/audit", "get", 200>["entries"][number];
export type AuditList = Answer<"/v1/audit", "get", 200>;
