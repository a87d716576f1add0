import createClient, { type Client } from "openapi-fetch";
import { type AccessMethods, accessMethods } from "./access-methods.ts";
import { ApiUnreachableError, readApiError } from "./api-error.ts";
import { type EventStreamOptions, eventStream, type Received } from "./event-stream.ts";
import type { paths } from "./v1.gen.ts";
import type {
  AggregateDetail,
  AggregateList,
  Deleted,
  FleetEvent,
  HostDeparturesView,
  HostDetail,
  HostList,
  MigrationDetail,
  MigrationEvent,
  MigrationList,
  MigrationPreflightView,
  MigrationStarted,
  ParkedList,
  ParkedReleased,
  ProgressHistoryView,
  RequestAnswerView,
  RequestedPolicy,
  ServerDetail,
  ServerGroupDetail,
  ServerGroupList,
  ServerGroupView,
  ServerList,
  WebhookDetail,
  WebhookList,
  WebhookMade,
  WebhookTested,
  WebhookView,
} from "./views.ts";

export interface DroverOptions {
  /** Where the API listens, without `/v1`: `http://127.0.0.1:8774`. */
  readonly url: string;
  /** Sent with every request, as `Authorization: Bearer`. */
  readonly token?: string;
  /** How long one answer may take, ms. @default 60000 */
  readonly timeoutMs?: number;
  /** Ends every call of this client: they reject with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ServerFilter {
  /** A regular expression that matches anywhere in the name. */
  readonly name?: string;
  readonly host?: string;
}

export interface MigrationFilter {
  /** Uuid or unambiguous name of the server. */
  readonly server?: string;
  /** A state, or Nova's status word for one: `rolling-back`, `running`, `completed`. */
  readonly status?: string;
  /** Source or destination. */
  readonly host?: string;
  /** `true`: only those that are not over; `false`: only those that are. */
  readonly active?: boolean;
  /** Rows at most. @default 1000 */
  readonly limit?: number;
  /** Go on after this migration: id or uuid of the last one of the page before. */
  readonly marker?: string;
}

export interface ParkedFilter {
  /** Rows at most, 1000 and fewer. @default 100 */
  readonly limit?: number;
}

export interface MigrateOptions {
  /** Name of the destination; null leaves the choice to the scheduler. @default null */
  readonly host?: string | null;
  /** Copy the disks too; null lets Drover see from the guest's disks. @default null */
  readonly blockMigration?: boolean | null;
  /** Orders what waits for a slot, -100 to 100: the larger goes first, and of equal ones the older. @default 0 */
  readonly priority?: number;
  /** What this migration has otherwise than the policy that applies to it. @default nothing */
  readonly policy?: RequestedPolicy;
}

/** What an operator sets of a host; what is absent stays as it is. */
export interface HostSettings {
  /** A disabled host is chosen for no migration. */
  readonly enabled?: boolean;
  /** Why; only of a host that is disabled. */
  readonly disabledReason?: string | null;
  /** Somebody works on it, and why: no guest comes to it until this is null again. Apart from `enabled`. */
  readonly maintenanceReason?: string | null;
  /** It is off and stays off: it counts as down, whatever its agent reports. */
  readonly forcedDown?: boolean;
  /** Live migrations that leave it at the same time; null is the conductors' default. */
  readonly maxOutgoingMigrations?: number | null;
  /** Live migrations that come to it at the same time; null is the conductors' default. */
  readonly maxIncomingMigrations?: number | null;
}

/** What is said of a server; what is absent stays as it is. */
export interface ServerSettings {
  /** The zone that it is to stay in when it is moved; null: any. */
  readonly availabilityZone?: string | null;
  /** A locked server is moved, paused, and its migration steered by administrators only. */
  readonly locked?: boolean;
  /** Why; with `locked` true. */
  readonly lockedReason?: string;
}

export interface NewServerGroup {
  readonly name: string;
  readonly policy: ServerGroupView["policy"];
  /** With `anti-affinity`: so many of them may share a host. @default 1 */
  readonly maxServersPerHost?: number;
  /** Uuids or unambiguous names. @default none */
  readonly servers?: readonly string[];
}

export interface ServerGroupChange {
  readonly addServers?: readonly string[];
  readonly removeServers?: readonly string[];
}

export interface NewAggregate {
  readonly name: string;
  /** The zone that its hosts are in. @default null: none by it */
  readonly availabilityZone?: string | null;
  /** What its hosts offer. @default nothing */
  readonly metadata?: Readonly<Record<string, string>>;
  /** @default none */
  readonly hosts?: readonly string[];
}

/** What is absent stays as it is. */
export interface AggregateChange {
  readonly availabilityZone?: string | null;
  /** Takes the place of all that was there. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly addHosts?: readonly string[];
  readonly removeHosts?: readonly string[];
}

export interface NewWebhook {
  /** Where each change is sent, by POST. */
  readonly url: string;
  /** Only changes that led to one of these are told. @default all */
  readonly states?: WebhookView["states"];
}

export interface FleetEventOptions extends EventStreamOptions {
  /** The numbers of all copies too, once a second. @default false: changes only */
  readonly progress?: boolean;
}

export interface ForceCompleteOptions {
  /** How; null is post-copy where the copy was started with it, and otherwise pause. @default null */
  readonly method?: "post-copy" | "pause" | null;
}

export interface TuneOptions {
  /** Upper bound of the copy, MiB/s; 0 takes the limit away, null leaves it. @default null */
  readonly bandwidthMiBps?: number | null;
  /** Longest standstill at the switch-over, ms; null leaves it. @default null */
  readonly downtimeMs?: number | null;
}

/**
 * Drover's /v1 as methods. Every answer is /v1's JSON, unchanged.
 *
 * Every method rejects with `ApiError` when Drover says no, and with `ApiUnreachableError` when nobody answers as Drover.
 * Servers are named by uuid or unambiguous name, migrations by id or uuid.
 */
export interface DroverClient extends AccessMethods {
  readonly url: string;
  hosts(): Promise<HostList>;
  /** Sets whether it is chosen for migrations, its maintenance, and how many leave it and come to it. Resolves with the host as it is then. */
  updateHost(host: string, settings: HostSettings): Promise<HostDetail>;
  /** Which servers of the host could move elsewhere, and why the others cannot. Claims and changes nothing. */
  preflightHost(host: string): Promise<HostDeparturesView>;
  servers(filter?: ServerFilter): Promise<ServerList>;
  server(server: string): Promise<ServerDetail>;
  updateServer(server: string, settings: ServerSettings): Promise<ServerDetail>;
  /** Server groups and aggregates are named by their names. */
  serverGroups(): Promise<ServerGroupList>;
  createServerGroup(group: NewServerGroup): Promise<ServerGroupDetail>;
  updateServerGroup(name: string, change: ServerGroupChange): Promise<ServerGroupDetail>;
  deleteServerGroup(name: string): Promise<Deleted>;
  aggregates(): Promise<AggregateList>;
  createAggregate(aggregate: NewAggregate): Promise<AggregateDetail>;
  updateAggregate(name: string, change: AggregateChange): Promise<AggregateDetail>;
  deleteAggregate(name: string): Promise<Deleted>;
  /** Could it move, and where to? Without `host` every host is asked. Claims and changes nothing. */
  preflight(server: string, options?: { readonly host?: string }): Promise<MigrationPreflightView>;
  /** Resolves when the migration is recorded (`queued`), not when it ends. */
  migrate(server: string, options?: MigrateOptions): Promise<MigrationStarted>;
  migrations(filter?: MigrationFilter): Promise<MigrationList>;
  migration(migration: string | number): Promise<MigrationDetail>;
  /** How its copy went so far, or went: up to 241 points from its beginning to its newest numbers. */
  progressHistory(migration: string | number): Promise<ProgressHistoryView>;
  /**
   * What happens to a migration, as it happens: a snapshot, then changes and progress, until it is over. A lost connection is
   * made anew, and goes on where it was.
   */
  migrationEvents(migration: string | number, options?: EventStreamOptions): AsyncIterable<Received<MigrationEvent>>;
  /** What happens to all migrations, without end: a snapshot of those in progress, then changes. */
  events(options?: FleetEventOptions): AsyncIterable<Received<FleetEvent>>;
  /** Resolves when the request is recorded: asking to hurry is not being done. */
  forceComplete(migration: string | number, options?: ForceCompleteOptions): Promise<RequestAnswerView>;
  /** Resolves when the request is recorded: asking to abort is not being aborted. */
  abort(migration: string | number): Promise<RequestAnswerView>;
  /** Resolves when the request is recorded: `tuning.answer` of the migration says what became of it. */
  tune(migration: string | number, options: TuneOptions): Promise<RequestAnswerView>;
  /** Gives one that is queued another priority, -100 to 100: another place among those that wait. */
  setPriority(migration: string | number, priority: number): Promise<RequestAnswerView>;
  /** Goes on with a broken post-copy. Resolves when the request is recorded: `resume.answer` says what became of it. */
  resume(migration: string | number): Promise<RequestAnswerView>;
  webhooks(): Promise<WebhookList>;
  /** Tells an address of all changes from now on. The answer's secret, which signs them, is told this once. */
  createWebhook(webhook: NewWebhook): Promise<WebhookMade>;
  /** Switched on, it is told what it has missed. */
  updateWebhook(webhook: string, change: { readonly enabled: boolean }): Promise<WebhookDetail>;
  deleteWebhook(webhook: string): Promise<Deleted>;
  /** Sends it an event `test`. Resolves also when that was not taken: `delivered` tells. */
  testWebhook(webhook: string): Promise<WebhookTested>;
  /** Messages that servers gave up on, the oldest first. */
  parked(filter?: ParkedFilter): Promise<ParkedList>;
  /** Sends a parked message to its queue again, as new. */
  sendParkedAgain(id: string): Promise<ParkedReleased>;
  /** Throws a parked message away. */
  discardParked(id: string): Promise<ParkedReleased>;
}

/**
 * A client for the API at `url`. Nothing is sent before the first call, and nothing is held between calls.
 *
 * @throws {TypeError} when `url` is not an http or https URL.
 */
export function openDrover(options: DroverOptions): DroverClient {
  const url = baseUrl(options.url);
  const client = createClient<paths>({
    baseUrl: url,
    fetch: (request) => fetchFrom(url, request, options),
    headers: { accept: "application/json", ...authorization(options) },
  });
  return { ...methodsOf(client, url), ...eventMethodsOf(url, options) };
}

function authorization({ token }: DroverOptions): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function eventMethodsOf(url: string, own: DroverOptions): Pick<DroverClient, "migrationEvents" | "events"> {
  const stream = <Event extends { event: string; data: unknown }>(path: string, options: EventStreamOptions) => {
    const signals = [own.signal, options.signal].filter((signal) => signal !== undefined);
    const open = (headers: Readonly<Record<string, string>>, signal: AbortSignal) =>
      openStream(url, new Request(`${url}${path}`, { headers: { ...headers, ...authorization(own) }, signal }));
    const signal = signals.length === 0 ? {} : { signal: AbortSignal.any(signals) };
    return eventStream<Event>({ url, open }, { ...options, ...signal });
  };
  return {
    migrationEvents: (migration, options = {}) =>
      stream<MigrationEvent>(`/v1/migrations/${encodeURIComponent(migration)}/events`, options),
    events: ({ progress = false, ...options } = {}) =>
      stream<FleetEvent>(`/v1/events${progress ? "?progress=true" : ""}`, options),
  };
}

/** An event stream's answer, of which only the head has been read. */
async function openStream(url: string, request: Request): Promise<Response> {
  const response = await fetch(request).catch((error: unknown) => {
    request.signal.throwIfAborted();
    throw unreachable(url, error, undefined);
  });
  if (response.ok) return response;
  const text = await response.text();
  throw readApiError(response.status, jsonOrNothing(text)) ?? notDrover(url, response.status);
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function methodsOf(client: Client<paths>, url: string): Omit<DroverClient, "migrationEvents" | "events"> {
  return {
    url,
    ...placementMethodsOf(client, url),
    ...webhookMethodsOf(client, url),
    ...accessMethods(client, (result) => answerOf(url, result)),
    hosts: async () => answerOf(url, await client.GET("/v1/hosts")),
    servers: async (filter = {}) => answerOf(url, await client.GET("/v1/servers", { params: { query: filter } })),
    server: async (server) => answerOf(url, await client.GET("/v1/servers/{server}", { params: { path: { server } } })),
    preflightHost: async (host) =>
      answerOf(url, await client.GET("/v1/hosts/{host}/migration-preflight", { params: { path: { host } } })),
    preflight: async (server, { host } = {}) =>
      answerOf(
        url,
        await client.GET("/v1/servers/{server}/migration-preflight", {
          params: { path: { server }, query: host === undefined ? {} : { host } },
        }),
      ),
    updateHost: async (host, settings) =>
      answerOf(url, await client.PATCH("/v1/hosts/{host}", { params: { path: { host } }, body: settings })),
    migrate: async (server, { host = null, blockMigration = null, priority = 0, policy } = {}) =>
      answerOf(
        url,
        await client.POST("/v1/servers/{server}/migrations", {
          params: { path: { server } },
          body: { host, blockMigration, priority, ...(policy === undefined ? {} : { policy }) },
        }),
      ),
    migrations: async (filter = {}) =>
      answerOf(url, await client.GET("/v1/migrations", { params: { query: queryOf(filter) } })),
    migration: async (migration) =>
      answerOf(url, await client.GET("/v1/migrations/{migration}", { params: pathOf(migration) })),
    progressHistory: async (migration) =>
      answerOf(url, await client.GET("/v1/migrations/{migration}/progress-history", { params: pathOf(migration) })),
    forceComplete: async (migration, { method = null } = {}) =>
      answerOf(
        url,
        await client.POST("/v1/migrations/{migration}/force-complete", {
          params: pathOf(migration),
          body: method === null ? null : { method },
        }),
      ),
    abort: async (migration) =>
      answerOf(url, await client.POST("/v1/migrations/{migration}/abort", { params: pathOf(migration) })),
    tune: async (migration, body) =>
      answerOf(url, await client.POST("/v1/migrations/{migration}/tune", { params: pathOf(migration), body })),
    setPriority: async (migration, priority) =>
      answerOf(
        url,
        await client.POST("/v1/migrations/{migration}/priority", { params: pathOf(migration), body: { priority } }),
      ),
    resume: async (migration) =>
      answerOf(url, await client.POST("/v1/migrations/{migration}/resume", { params: pathOf(migration) })),
    parked: async (filter = {}) => answerOf(url, await client.GET("/v1/bus/parked", { params: { query: filter } })),
    sendParkedAgain: async (id) =>
      answerOf(url, await client.POST("/v1/bus/parked/{id}/send-again", { params: { path: { id } } })),
    discardParked: async (id) =>
      answerOf(url, await client.DELETE("/v1/bus/parked/{id}", { params: { path: { id } } })),
  };
}

function webhookMethodsOf(
  client: Client<paths>,
  url: string,
): Pick<DroverClient, `${"create" | "update" | "delete" | "test"}Webhook` | "webhooks"> {
  const named = (webhook: string) => ({ params: { path: { webhook } } });
  return {
    webhooks: async () => answerOf(url, await client.GET("/v1/webhooks")),
    createWebhook: async ({ url: to, states = [] }) =>
      answerOf(url, await client.POST("/v1/webhooks", { body: { url: to, states: [...states] } })),
    updateWebhook: async (webhook, body) =>
      answerOf(url, await client.PATCH("/v1/webhooks/{webhook}", { ...named(webhook), body })),
    deleteWebhook: async (webhook) => answerOf(url, await client.DELETE("/v1/webhooks/{webhook}", named(webhook))),
    testWebhook: async (webhook) => answerOf(url, await client.POST("/v1/webhooks/{webhook}/test", named(webhook))),
  };
}

type PlacementMethod =
  | "updateServer"
  | `${"create" | "update" | "delete"}${"ServerGroup" | "Aggregate"}`
  | "serverGroups"
  | "aggregates";

function placementMethodsOf(client: Client<paths>, url: string): Pick<DroverClient, PlacementMethod> {
  return {
    updateServer: async (server, body) =>
      answerOf(url, await client.PATCH("/v1/servers/{server}", { params: { path: { server } }, body })),
    serverGroups: async () => answerOf(url, await client.GET("/v1/server-groups")),
    createServerGroup: async ({ name, policy, maxServersPerHost = 1, servers = [] }) =>
      answerOf(
        url,
        await client.POST("/v1/server-groups", { body: { name, policy, maxServersPerHost, servers: [...servers] } }),
      ),
    updateServerGroup: async (group, { addServers = [], removeServers = [] }) =>
      answerOf(
        url,
        await client.PATCH("/v1/server-groups/{group}", {
          params: { path: { group } },
          body: { addServers: [...addServers], removeServers: [...removeServers] },
        }),
      ),
    deleteServerGroup: async (group) =>
      answerOf(url, await client.DELETE("/v1/server-groups/{group}", { params: { path: { group } } })),
    aggregates: async () => answerOf(url, await client.GET("/v1/aggregates")),
    createAggregate: async ({ name, availabilityZone = null, metadata = {}, hosts = [] }) =>
      answerOf(
        url,
        await client.POST("/v1/aggregates", {
          body: { name, availabilityZone, metadata: { ...metadata }, hosts: [...hosts] },
        }),
      ),
    updateAggregate: async (aggregate, { addHosts = [], removeHosts = [], ...change }) =>
      answerOf(
        url,
        await client.PATCH("/v1/aggregates/{aggregate}", {
          params: { path: { aggregate } },
          body: { ...change, addHosts: [...addHosts], removeHosts: [...removeHosts] },
        }),
      ),
    deleteAggregate: async (aggregate) =>
      answerOf(url, await client.DELETE("/v1/aggregates/{aggregate}", { params: { path: { aggregate } } })),
  };
}

/** A boolean is a word in a query. */
function queryOf({ active, ...rest }: MigrationFilter) {
  return active === undefined ? rest : { ...rest, active: active ? ("true" as const) : ("false" as const) };
}

function pathOf(migration: string | number): { path: { migration: string } } {
  return { path: { migration: String(migration) } };
}

/** The body of a success. A success whose body is not JSON does not come here: reading it failed in `fetchFrom`. */
function answerOf<Data>(
  url: string,
  result: { readonly data?: Data; readonly error?: unknown; readonly response: Response },
): Data {
  if (result.response.ok && result.data !== undefined) return result.data;
  const { status } = result.response;
  throw readApiError(status, result.error) ?? notDrover(url, status);
}

function notDrover(url: string, status: number): ApiUnreachableError {
  return new ApiUnreachableError(
    url,
    `something answers at ${url} (HTTP ${status}), but not as Drover's API; ${remedy}`,
  );
}

const remedy = "start Drover with `npm start` or `drover up`, or set DROVER_URL (or --url) to where it listens";

/** One exchange, read to its end, so that a cut in the middle of a body is told apart from a bad answer. */
async function fetchFrom(url: string, request: Request, options: DroverOptions): Promise<Response> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  try {
    const response = await fetch(request, { signal });
    const text = await response.text();
    if (response.ok) JSON.parse(text);
    return new Response(text, { status: response.status, headers: response.headers });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw unreachable(url, error, timeout.aborted ? timeoutMs : undefined);
  }
}

function unreachable(url: string, cause: unknown, timeoutMs: number | undefined): ApiUnreachableError {
  if (timeoutMs !== undefined) {
    return new ApiUnreachableError(url, `Drover's API at ${url} did not answer within ${timeoutMs / 1000} s`, {
      cause,
    });
  }
  if (cause instanceof SyntaxError) {
    return new ApiUnreachableError(url, `something answers at ${url}, but not as Drover's API; ${remedy}`, { cause });
  }
  return new ApiUnreachableError(url, `cannot reach Drover's API at ${url} (${networkReason(cause)}); ${remedy}`, {
    cause,
  });
}

/** `fetch` says only "fetch failed"; the reason is in its cause, for a name with several addresses one deeper. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const first = cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
  const code = first instanceof Error && "code" in first && typeof first.code === "string" ? first.code : "";
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "the host name is not known";
  if (code === "ECONNRESET" || code === "UND_ERR_SOCKET") return "the connection was cut";
  return first instanceof Error ? first.message : String(first);
}

function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(`"${text}" is not the URL of an API; it looks like http://127.0.0.1:8774`);
  }
  return url.href.replace(/\/+$/, "");
}
