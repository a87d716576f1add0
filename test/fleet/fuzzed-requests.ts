/** Requests to any route of the API, from nearly right to nonsense. */
import fc from "fast-check";

/** What is put into the request line, the headers and the body of one request. */
export interface FuzzedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | undefined;
  /** Each from its own, so that no limit for guesses hides what comes after. */
  readonly remoteAddress: string;
}

/** Names of what exists, so that requests come further than the first 404. */
export interface KnownNames {
  readonly token: string;
  readonly servers: readonly string[];
  readonly hosts: readonly string[];
  readonly migrations: readonly string[];
  /** Numbers and uuids of other things: hosts' agents, aggregates. */
  readonly others: readonly string[];
}

/** Bodies that are right; one thing of theirs is made wrong. */
const RIGHT_BODIES: Readonly<Record<string, readonly object[]>> = {
  "POST /v2.1/servers/:id/action": [
    { "os-migrateLive": { host: null, block_migration: "auto" } },
    { "os-migrateLive": { host: "alpha", block_migration: false, disk_over_commit: false } },
    { "os-resetState": { state: "active" } },
    { lock: { locked_reason: "audit" } },
    { migrate: { host: "beta" } },
  ],
  "POST /v2.1/servers/:id/migrations/:migrationId/action": [{ force_complete: null }],
  "PUT /v2.1/os-services/:id": [
    { status: "disabled", disabled_reason: "new fan" },
    { forced_down: false },
    { host: "beta", binary: "nova-compute", disabled_reason: "new fan" },
  ],
  "PATCH /v1/hosts/:host": [{ enabled: true }, { maxOutgoingMigrations: 4, maxIncomingMigrations: null }],
  "PATCH /v1/servers/:server": [{ locked: true, lockedReason: "audit" }, { availabilityZone: null }],
  "POST /v1/servers/:server/migrations": [{ host: "alpha", priority: 1, policy: { downtimeMs: 300 } }],
  "POST /v1/migrations/:migration/tune": [{ bandwidthMiBps: 100, downtimeMs: null }],
  "POST /v1/migrations/:migration/force-complete": [{ method: "pause" }],
  "POST /v1/server-groups": [{ name: "pair", policy: "anti-affinity", maxServersPerHost: 2, servers: ["running"] }],
  "PATCH /v1/server-groups/:group": [{ addServers: ["off"], removeServers: [] }],
  "POST /v1/aggregates": [{ name: "fast", availabilityZone: "west", metadata: { ssd: "true" }, hosts: ["gamma"] }],
  "PATCH /v1/aggregates/:aggregate": [{ addHosts: ["gamma"], metadata: {} }],
};

const ODD_TEXTS = [
  ...["", "0", "-1", "1", "007", "1e9", "99999999999999999999", "null", "undefined", "NaN", "true", "__proto__"],
  ...["constructor", "toString", "hasOwnProperty", "..", ".", "../../etc/passwd", "a b", "a,b", "a;b", "a'b", 'a"b'],
  ...["%", "%00", "%2e%2e", "%ff", "\u0000", "\uD800", "ä", "日本", "😀", "(a+)+$", "[", "*", "\\", "x".repeat(256)],
  ...["00000000-0000-0000-0000-000000000000", "2020-01-01T00:00:00Z", "2020-13-45", "-271821-04-20T00:00:00.000Z"],
  ...["275760-09-13T00:00:00.001Z", "0001-01-01", "1c-512m", "99999c-999999999999m", "auto", "running", "error"],
];

const QUERY_KEYS = [
  ...["name", "host", "node", "uuid", "status", "vm_state", "task_state", "power_state", "availability_zone", "flavor"],
  ...["ip", "image", "all_tenants", "deleted", "locked", "changes-since", "changes-before", "sort_key", "sort_dir"],
  ...["limit", "marker", "binary", "hypervisor_hostname_pattern", "with_servers", "instance_uuid", "migration_type"],
  ...["hidden", "source_compute", "user_id", "project_id", "active", "server", "state", "since", "before", "after"],
];

const FIELDS = [
  ...["os-migrateLive", "os-resetState", "lock", "unlock", "pause", "unpause", "migrate", "resize", "confirmResize"],
  ...["force_complete", "host", "block_migration", "disk_over_commit", "force", "state", "locked_reason", "binary"],
  ...["disabled_reason", "forced_down", "enabled", "disabledReason", "maintenanceReason", "forcedDown", "priority"],
  ...["maxOutgoingMigrations", "maxIncomingMigrations", "blockMigration", "policy", "availabilityZone", "locked"],
  ...["lockedReason", "name", "policy", "servers", "hosts", "addHosts", "removeHosts", "metadata", "addServers"],
  ...["removeServers", "method", "bandwidthMiBps", "downtimeMs", "schedule", "role", "projectId", "networks", "url"],
  ...["expiresAt", "events", "secret"],
];

const oddText = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...ODD_TEXTS) },
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);

/** For one route of the policy table, as `GET /v1/servers/:server`. */
export function requestsTo(route: string, known: KnownNames): fc.Arbitrary<FuzzedRequest> {
  const [method = "GET", pattern = "/"] = route.split(" ");
  const name = fc.oneof(
    fc.constantFrom(...known.servers, ...known.hosts, ...known.migrations, ...known.others),
    oddText,
  );
  // What the first name in the path is most often that of.
  const its = /servers/.test(pattern)
    ? known.servers
    : /hosts/.test(pattern)
      ? known.hosts
      : [...known.migrations, ...known.others];
  return fc
    .record({
      segments: fc.tuple(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...its) }, name), name),
      raw: fc.boolean(),
      query: fc.oneof(fc.constant([]), fc.array(fc.tuple(fc.constantFrom(...QUERY_KEYS), name), { maxLength: 4 })),
      headers: headers(known.token),
      body: bodyOf(name, route),
      address: fc.ipV4(),
    })
    .map(({ segments, raw, query, headers: sent, body, address }) => ({
      method,
      url: pathOf(pattern, segments, raw) + queryOf(query, raw),
      headers: sent,
      payload: body,
      remoteAddress: address,
    }));
}

function pathOf(pattern: string, segments: readonly string[], raw: boolean): string {
  const rest = [...segments];
  return pattern.replace(/:[A-Za-z]+/g, () => inUrl(rest.shift() ?? "0", raw));
}

function queryOf(pairs: readonly (readonly [string, string])[], raw: boolean): string {
  return pairs.length === 0 ? "" : `?${pairs.map(([key, value]) => `${key}=${inUrl(value, raw)}`).join("&")}`;
}

/** Raw: as a careless client sends it, but for what no HTTP client lets out. */
function inUrl(text: string, raw: boolean): string {
  if (raw) return [...text].filter((character) => /[!-~]/.test(character) && !"?#/".includes(character)).join("");
  return encodeURIComponent(text.toWellFormed());
}

function headers(token: string): fc.Arbitrary<Record<string, string>> {
  const values: Record<string, fc.Arbitrary<string>> = {
    authorization: fc.oneof(fc.constantFrom("Bearer", "Bearer x", "Basic YTpi", `Bearer ${token}`), headerText()),
    "openstack-api-version": fc.oneof(
      fc.integer({ min: 1, max: 90 }).map((minor) => `compute 2.${minor}`),
      fc.constantFrom("compute", "compute 2.999", "compute 2.x", "compute latest", "identity 3", ",", "compute 3.1"),
      headerText(),
    ),
    "x-openstack-nova-api-version": fc.constantFrom("2.1", "2.53", "2.90", "2.91", "x", ""),
    traceparent: fc.oneof(fc.constant(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`), headerText()),
    "last-event-id": fc.oneof(fc.constantFrom("0", "-1", "99999999999999999999", "x"), headerText()),
    host: fc.constantFrom("localhost", "127.0.0.1:8774", "drover.example", "", "[::1]:80", "a b"),
    origin: fc.constantFrom("null", "http://localhost", "http://evil.example", "x"),
    accept: fc.constantFrom("*/*", "application/json", "text/event-stream", "text/html", "x"),
    "if-none-match": headerText(),
    "x-forwarded-for": headerText(),
  };
  // These nearly always as they should be: otherwise there is nothing but 401 and 415.
  const authentic = fc.oneof({ weight: 30, arbitrary: fc.constant(token) }, wrongToken(token));
  const json = fc.oneof({ weight: 20, arbitrary: fc.constant("application/json") }, wrongMediaType);
  const version = fc.integer({ min: 1, max: 90 }).map((minor) => `compute 2.${minor}`);
  return fc
    .tuple(authentic, json, version, fc.record(values), fc.subarray(Object.keys(values), { maxLength: 3 }))
    .map(([credential, mediaType, usual, all, chosen]) => ({
      ...(credential === undefined ? {} : { "x-auth-token": credential }),
      "content-type": mediaType,
      "openstack-api-version": usual,
      ...Object.fromEntries(Object.entries(all).filter(([key]) => chosen.includes(key))),
    }));
}

function wrongToken(token: string): fc.Arbitrary<string | undefined> {
  const near = fc.constantFrom("", "notused", "drv_", `${token}x`, token.slice(0, -1), token.toUpperCase(), "drv_x_y");
  return fc.oneof(near, headerText(), fc.constant(undefined));
}

const wrongMediaType = fc.constantFrom(
  ...["application/json; charset=utf-8", "application/json; charset=latin1", "text/plain", "application/xml", ";"],
  ...["application/x-www-form-urlencoded", "multipart/form-data", "*/*", "json", ""],
);

/** What Node lets into a header. */
function headerText(): fc.Arbitrary<string> {
  return oddText.map((text) => [...text].filter((character) => /[\t\x20-\x7e\x80-\xff]/.test(character)).join(""));
}

function bodyOf(name: fc.Arbitrary<string>, route: string): fc.Arbitrary<string | undefined> {
  const leaf = fc.oneof(
    name,
    fc.constantFrom(null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, [], {}),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const fields = fc.dictionary(fc.constantFrom(...FIELDS), leaf, { maxKeys: 4 });
  const nested = fc.dictionary(fc.constantFrom(...FIELDS), fc.oneof(fields, leaf, fc.array(leaf, { maxLength: 3 })), {
    maxKeys: 3,
  });
  const migrateLive = fc.record({ host: leaf, block_migration: leaf, disk_over_commit: leaf }, { requiredKeys: [] });
  const likely = fc.oneof(
    nested,
    fields,
    migrateLive.map((action) => ({ "os-migrateLive": action })),
    fc.constantFrom({ pause: null }, { unpause: null }, { lock: null }, { unlock: null }, { force_complete: null }),
    fc.constantFrom("active", "error").map((state) => ({ "os-resetState": { state } })),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const right = RIGHT_BODIES[route];
  const nearlyRight = right === undefined ? likely : fc.tuple(fc.constantFrom(...right), fc.nat(), leaf).map(spoil);
  const text = fc.oneof(nearlyRight, likely).map((value) => JSON.stringify(value));
  const broken = fc.oneof(
    text.map((json) => json.slice(0, -1)),
    fc.constantFrom(
      "",
      " ",
      "{",
      "[]",
      "null",
      "\u0000",
      '{"__proto__": {"a": 1}}',
      '{"constructor": {"prototype": {}}}',
    ),
    fc.constantFrom('{"lock": null, "lock": null}', "[".repeat(5_000), `{"a": "${"x".repeat(70_000)}"}`, "\ufeff{}"),
    fc.string({ maxLength: 50 }),
  );
  const any = fc.oneof({ weight: 5, arbitrary: text }, { weight: 2, arbitrary: broken }, fc.constant(undefined));
  return route.startsWith("GET ") ? fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, any) : any;
}

/** Puts `value` in the place of one of the body's values, or of none. */
function spoil([body, dice, value]: [object, number, unknown]): unknown {
  const places = placesIn(body);
  const place = places[dice % (places.length + 1)];
  if (place === undefined) return body;
  const copy: unknown = structuredClone(body);
  const holder = place.slice(0, -1).reduce<unknown>((part, key) => Reflect.get(part as object, key), copy);
  Reflect.set(holder as object, place.at(-1) ?? "", value);
  return copy;
}

/** The path to each value, whole objects included. */
function placesIn(part: object): readonly (readonly string[])[] {
  return Object.entries(part).flatMap(([key, value]: [string, unknown]) => [
    [key],
    ...(typeof value === "object" && value !== null ? placesIn(value).map((place) => [key, ...place]) : []),
  ]);
}
