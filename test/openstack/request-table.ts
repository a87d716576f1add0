/**
 * What Nova's clients can be told no for, and how: request, expected code and sentence. `{…}` stands for what
 * `world.ts` has set up: servers `{running}`, `{off}`, `{moving}` (being copied), `{waiting}` (queued), `{moved}` (its
 * migration is over), `{locked}`; their migrations as `{moving.id}`; `{nobody}` is a uuid of nothing.
 */
export interface TableRow {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** 80 is 2.80; text is sent as it is. */
  readonly version: number | string;
  readonly body?: unknown;
  /** @default admin */
  readonly role?: "admin" | "reader" | "operator" | "nobody";
  readonly status: number;
  /** All of Nova's sentence where it has one; a pattern where Drover says why in its own words. */
  readonly message: string | RegExp;
}

const live = (host: string | null, rest: object = { block_migration: "auto" }) => ({
  "os-migrateLive": { host, ...rest },
});
const action = (server: string) => `/servers/{${server}}/action`;
const inState = (name: string, server: string, state: string) =>
  `Cannot '${name}' instance {${server}} while it is in ${state}`;
const notFound = (server: string) => `Instance ${server} could not be found.`;
const unsupported = (minor: number) => `API version 2.${minor} is not supported on this method.`;
const liveInput = "Invalid input for field/attribute os-migrateLive. Value: ";

/** The envelope that all requests have in common. */
export const envelope: readonly TableRow[] = [
  {
    ...{ method: "GET", path: "/servers", version: "compute 2.999", status: 406 },
    message: "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.90.",
  },
  {
    ...{ method: "GET", path: "/servers", version: "compute abc", status: 400 },
    message: "API Version String abc is of invalid format. Must be of format MajorNum.MinorNum.",
  },
  { method: "GET", path: "/servers", version: 80, role: "nobody", status: 401, message: /token/ },
  { method: "GET", path: "/no-such-thing", version: 80, status: 404, message: "The resource could not be found." },
  { method: "GET", path: "/images", version: 80, status: 404, message: "The resource could not be found." },
  {
    ...{ method: "POST", path: action("running"), version: 80, body: live(null), role: "reader" },
    ...{ status: 403, message: /needs the role operator/ },
  },
];

export const servers: readonly TableRow[] = [
  { method: "GET", path: "/servers/{nobody}", version: 80, status: 404, message: notFound("{nobody}") },
  { method: "GET", path: "/servers/running", version: 80, status: 404, message: notFound("running") },
  { method: "GET", path: "/servers?limit=many", version: 80, status: 400, message: /limit\. Value: many/ },
  { method: "GET", path: "/servers?marker=nope", version: 80, status: 400, message: "marker [nope] not found" },
  { method: "GET", path: "/servers/detail?sort_key=secret", version: 80, status: 400, message: /sort_key.*secret/ },
  { method: "GET", path: "/servers/detail?sort_dir=up&sort_key=host", version: 80, status: 400, message: /sort_dir/ },
  { method: "GET", path: "/servers?changes-since=yesterday", version: 80, status: 400, message: /changes-since/ },
  { method: "GET", path: "/servers?name=(", version: 80, status: 400, message: /name/ },
  { method: "GET", path: "/servers?all_tenants=perhaps", version: 80, status: 400, message: /all_tenants/ },
];

export const actions: readonly TableRow[] = [
  {
    ...{ method: "POST", path: action("running"), version: 80, body: { nosuch: null }, status: 400 },
    message: "There is no such action: nosuch",
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, body: { pause: null, lock: null }, status: 400 },
    message: "Malformed request body",
  },
  { method: "POST", path: action("running"), version: 80, body: "{", status: 400, message: "Malformed request body" },
  { method: "POST", path: action("nobody"), version: 80, body: live(null), status: 404, message: notFound("{nobody}") },
  {
    ...{
      method: "POST",
      path: action("running"),
      version: 80,
      status: 400,
      body: { "os-migrateLive": { host: null } },
    },
    message: `${liveInput}{'host': None}. 'block_migration' is a required property`,
  },
  {
    ...{
      method: "POST",
      path: action("running"),
      version: 24,
      status: 400,
      body: live(null, { block_migration: false }),
    },
    message: `${liveInput}{'host': None, 'block_migration': False}. 'disk_over_commit' is a required property`,
  },
  {
    ...{ method: "POST", path: action("running"), version: 24, status: 400 },
    ...{ body: live(null, { block_migration: "auto", disk_over_commit: false }), message: /block_migration.*auto/ },
  },
  {
    ...{ method: "POST", path: action("running"), version: 25, status: 400 },
    body: live(null, { block_migration: "auto", disk_over_commit: false }),
    message: /Additional properties are not allowed \('disk_over_commit' was unexpected\)$/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 29, status: 400 },
    body: live("beta", { block_migration: "auto", force: true }),
    message: /\('force' was unexpected\)$/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 67, status: 400 },
    body: live(null, { block_migration: "auto", force: true }),
    message: "Can't force to a non-provided destination",
  },
  {
    ...{ method: "POST", path: action("running"), version: 68, status: 400 },
    body: live("beta", { block_migration: "auto", force: true }),
    message: /\('force' was unexpected\)$/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, status: 400 },
    ...{ body: live("no/slash"), message: /host\. Value: no\/slash/ },
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, status: 400, body: live("delta") },
    message: "Compute host delta could not be found.",
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, status: 400, body: live("alpha") },
    message: /runs on alpha already/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 33, status: 400, body: live("alpha") },
    message: /runs on alpha already/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 33, status: 400, body: live("gamma") },
    message: /^Migration pre-check error: .*gamma.*disabled/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 1, status: 400 },
    body: live("gamma", { block_migration: "False", disk_over_commit: "no" }),
    message: /^Migration pre-check error/,
  },
  {
    ...{ method: "POST", path: action("off"), version: 80, status: 409, body: live(null) },
    message: inState("os-migrateLive", "off", "vm_state stopped"),
  },
  {
    ...{ method: "POST", path: action("moving"), version: 80, status: 409, body: live(null) },
    message: inState("os-migrateLive", "moving", "task_state migrating"),
  },
  {
    ...{ method: "POST", path: action("locked"), version: 80, role: "operator", status: 409, body: live(null) },
    message: "Instance {locked} is locked",
  },
  {
    ...{ method: "POST", path: action("locked"), version: 80, role: "operator", status: 409, body: { pause: null } },
    message: "Instance {locked} is locked",
  },
  {
    ...{ method: "POST", path: action("locked"), version: 80, role: "operator", status: 403, body: { unlock: null } },
    message: /locked by admin, an administrator/,
  },
  {
    ...{ method: "POST", path: action("running"), version: 73, status: 400, body: { lock: { why: "x" } } },
    message: /Additional properties are not allowed \('why' was unexpected\)$/,
  },
  {
    ...{ method: "POST", path: action("off"), version: 80, status: 409, body: { pause: null } },
    message: inState("pause", "off", "vm_state stopped"),
  },
  {
    ...{ method: "POST", path: action("moving"), version: 80, status: 409, body: { pause: null } },
    message: inState("pause", "moving", "task_state migrating"),
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, status: 409, body: { unpause: null } },
    message: inState("unpause", "running", "vm_state active"),
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, status: 409 },
    ...{ body: { "os-resetState": { state: "error" } }, message: /libvirt has it running on alpha/ },
  },
  {
    ...{ method: "POST", path: action("moving"), version: 80, status: 409 },
    ...{
      body: { "os-resetState": { state: "active" } },
      message: /migration {moving.id} is running; wait for its end/,
    },
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, status: 400 },
    ...{ body: { "os-resetState": { state: "paused" } }, message: /state\. Value: paused/ },
  },
  {
    ...{ method: "POST", path: action("running"), version: 80, role: "operator", status: 403 },
    ...{ body: { "os-resetState": { state: "active" } }, message: /needs the role admin/ },
  },
  ...(["confirmResize", "revertResize"] as const).map(
    (name): TableRow => ({
      ...{ method: "POST", path: action("running"), version: 80, status: 409, body: { [name]: null } },
      message: inState(name, "running", "vm_state active"),
    }),
  ),
  ...[{ migrate: null }, { resize: { flavorRef: "2" } }, { evacuate: {} }, { rescue: null }, { shelve: null }].map(
    (body): TableRow => ({
      ...{ method: "POST", path: action("running"), version: 80, status: 501, body },
      message: new RegExp(`^The requested functionality is not supported\\. ${Object.keys(body)[0]}: Drover moves`),
    }),
  ),
];

const migration = (server: string, id: string) => `/servers/{${server}}/migrations/${id}`;
const invalid = (server: string, what: string) => `Instance {${server}} is in an invalid state for '${what}'`;
const forceComplete = { force_complete: null };

export const serverMigrations: readonly TableRow[] = [
  { method: "GET", path: "/servers/{moving}/migrations", version: 22, status: 404, message: unsupported(22) },
  { method: "GET", path: "/servers/{nobody}/migrations", version: 80, status: 404, message: notFound("{nobody}") },
  {
    ...{ method: "GET", path: migration("moving", "4711"), version: 80, status: 404 },
    message: "In-progress live migration 4711 is not found for server {moving}.",
  },
  {
    ...{ method: "GET", path: migration("running", "{moving.id}"), version: 80, status: 404 },
    message: "In-progress live migration {moving.id} is not found for server {running}.",
  },
  {
    ...{ method: "GET", path: migration("moved", "{moved.id}"), version: 80, status: 404 },
    message: "Live migration {moved.id} for server {moved} is not in progress.",
  },
  { method: "DELETE", path: migration("moving", "{moving.id}"), version: 23, status: 404, message: unsupported(23) },
  {
    ...{ method: "DELETE", path: migration("moving", "4711"), version: 80, status: 404 },
    message: "Migration 4711 not found for instance {moving}",
  },
  {
    ...{ method: "DELETE", path: migration("running", "{moving.id}"), version: 80, status: 409 },
    message: invalid("running", "abort live migration"),
  },
  {
    ...{ method: "DELETE", path: migration("waiting", "{waiting.id}"), version: 64, status: 400 },
    message:
      "Migration {waiting.id} state of instance {waiting} is queued. Cannot abort live migration while the migration is in this state.",
  },
  {
    ...{ method: "POST", path: `${migration("moving", "{moving.id}")}/action`, version: 21, body: forceComplete },
    ...{ status: 404, message: unsupported(21) },
  },
  {
    // Nova's oddity: what is 404 for the abort is 400 here.
    ...{ method: "POST", path: `${migration("moving", "4711")}/action`, version: 80, body: forceComplete },
    ...{ status: 400, message: "Migration 4711 not found for instance {moving}" },
  },
  {
    ...{ method: "POST", path: `${migration("moved", "{moved.id}")}/action`, version: 80, body: forceComplete },
    ...{ status: 409, message: invalid("moved", "force_complete") },
  },
  {
    ...{ method: "POST", path: `${migration("waiting", "{waiting.id}")}/action`, version: 80, body: forceComplete },
    ...{
      status: 400,
      message: /^Migration {waiting.id} state of instance {waiting} is queued\. Cannot force complete/,
    },
  },
  {
    ...{ method: "POST", path: `${migration("moving", "{moving.id}")}/action`, version: 80, body: { hurry: null } },
    ...{ status: 400, message: "There is no such action: hurry" },
  },
  {
    ...{ method: "POST", path: `${migration("moving", "{moving.id}")}/action`, version: 80 },
    ...{ body: { force_complete: true }, status: 400, message: /force_complete\. Value: True/ },
  },
];

const noMarker = "Marker {nobody} could not be found.";

export const lists: readonly TableRow[] = [
  { method: "GET", path: "/os-migrations?limit=x", version: 80, status: 400, message: /limit\. Value: x/ },
  { method: "GET", path: "/os-migrations?marker={nobody}", version: 80, status: 400, message: noMarker },
  {
    method: "GET",
    path: "/os-migrations?favourite=1",
    version: 59,
    status: 400,
    message: /'favourite' was unexpected/,
  },
  { method: "GET", path: "/os-migrations?changes-before=2020-01-01", version: 65, status: 400, message: /unexpected/ },
  {
    ...{ method: "GET", version: 66, status: 400 },
    path: "/os-migrations?changes-since=2022-01-01&changes-before=2020-01-01",
    message: "The value of changes-since must be less than or equal to changes-before.",
  },
  {
    method: "GET",
    path: "/os-migrations?user_id=admin",
    version: 79,
    status: 400,
    message: /'user_id' was unexpected/,
  },
  {
    ...{ method: "GET", path: "/servers/{running}/os-instance-actions/req-1", version: 80, status: 404 },
    message: "Action req-1 not found",
  },
  {
    ...{ method: "GET", path: "/servers/{running}/os-instance-actions?marker={nobody}", version: 80, status: 400 },
    message: noMarker,
  },
  {
    ...{ method: "GET", path: "/servers/{nobody}/os-instance-actions", version: 80, status: 404 },
    message: notFound("{nobody}"),
  },
  { method: "GET", path: "/flavors/m1.tiny", version: 80, status: 404, message: "Flavor m1.tiny could not be found." },
  {
    method: "GET",
    path: "/os-aggregates/4711",
    version: 80,
    status: 404,
    message: "Aggregate 4711 could not be found.",
  },
  { method: "GET", path: "/os-aggregates/fast", version: 80, status: 400, message: "id must be an integer" },
];

const noHypervisor = "No hypervisor matching 'delta' could be found.";
const named = (rest: object = {}) => ({ host: "beta", binary: "nova-compute", ...rest });

export const hosts: readonly TableRow[] = [
  {
    ...{ method: "GET", path: "/os-hypervisors?hypervisor_hostname_pattern=delta", version: 80, status: 404 },
    message: noHypervisor,
  },
  { method: "GET", path: "/os-hypervisors/delta/servers", version: 52, status: 404, message: noHypervisor },
  { method: "GET", path: "/os-hypervisors/alpha/servers", version: 53, status: 404, message: unsupported(53) },
  { method: "GET", path: "/os-hypervisors/1", version: 53, status: 400, message: "Invalid uuid 1" },
  {
    ...{ method: "GET", path: "/os-hypervisors/{nobody}", version: 80, status: 404 },
    message: "Hypervisor with ID '{nobody}' could not be found.",
  },
  {
    ...{ method: "GET", path: "/os-hypervisors?hypervisor_hostname_pattern=a&limit=1", version: 80, status: 400 },
    message: "Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.",
  },
  { method: "GET", path: "/os-hypervisors/statistics", version: 88, status: 404, message: unsupported(88) },
  { method: "GET", path: "/os-hypervisors/1/uptime", version: 52, status: 501, message: /not supported/ },
  {
    ...{ method: "PUT", path: "/os-services/{beta}", version: 80, body: {}, status: 400 },
    message: "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
  },
  {
    ...{ method: "PUT", path: "/os-services/{beta}", version: 80, status: 400 },
    body: { status: "enabled", disabled_reason: "x" },
    message: "Specifying 'disabled_reason' when status is 'enabled' is invalid.",
  },
  {
    ...{ method: "PUT", path: "/os-services/{beta}", version: 80, body: { status: "off" }, status: 400 },
    message: /status\. Value: off/,
  },
  {
    ...{ method: "PUT", path: "/os-services/2", version: 53, body: { status: "enabled" }, status: 400 },
    message: "Invalid uuid 2",
  },
  {
    ...{ method: "PUT", path: "/os-services/{nobody}", version: 80, body: { status: "enabled" }, status: 404 },
    message: "Service {nobody} not found.",
  },
  {
    ...{ method: "PUT", path: "/os-services/disable", version: 52, body: named({ host: "delta" }), status: 404 },
    message: "Could not find binary nova-compute on host delta.",
  },
  {
    ...{ method: "PUT", path: "/os-services/disable-log-reason", version: 52, body: named(), status: 400 },
    message: /'disabled_reason' is a required property/,
  },
  {
    ...{ method: "PUT", path: "/os-services/force-down", version: 10, body: named({ forced_down: true }), status: 404 },
    message: "Unknown action",
  },
  {
    ...{ method: "PUT", path: "/os-services/{beta}", version: 80, body: { status: "enabled" }, role: "reader" },
    ...{ status: 403, message: /needs the role operator/ },
  },
  {
    ...{ method: "DELETE", path: "/os-services/{alpha}", version: 80, status: 409 },
    message: /^Unable to delete compute service: .* it has guests/,
  },
  { method: "DELETE", path: "/os-services/2", version: 53, status: 400, message: "Invalid uuid 2" },
  { method: "DELETE", path: "/os-services/x", version: 52, status: 400, message: "id must be an integer" },
  { method: "DELETE", path: "/os-services/{nobody}", version: 80, status: 404, message: "Service {nobody} not found." },
  {
    ...{ method: "DELETE", path: "/os-services/{alpha}", version: 80, role: "operator" },
    ...{ status: 403, message: /needs the role admin/ },
  },
];
