/** For tests: the API over a real SQLite store, a real in-process bus and memory progress; only the conductor is played. */
import { type Bus, handle, openInProcessBus, type RpcInfo } from "@drover/bus";
import {
  abortMigration,
  createServerGroup,
  createToken,
  deleteHost,
  deleteServerGroup,
  forceCompleteMigration,
  hostMigrationPreflight,
  liveMigrateInstance,
  migrationPreflight,
  pauseServer,
  recordAudit,
  resetServerState,
  revokeToken,
  setMigrationPriority,
  unpauseServer,
  updateAggregate,
  updateHost,
  updateServer,
} from "@drover/contracts";
import { createFleet, viewServer, viewServerGroup, viewToken } from "@drover/fleet";
import { openSampleFleet, S1, type SampleFleet } from "@drover/fleet/testing";
import {
  type Clock,
  DroverError,
  type Logger,
  mintToken,
  ROLES,
  type Role,
  silentLogger,
  systemClock,
} from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Store } from "@drover/store";
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { type ApiConfig, apiConfig } from "./api-config.ts";
import { createApi } from "./create-api.ts";

/** What the played conductor was asked, in order. */
interface ConductorCall {
  readonly method: string;
  readonly request: unknown;
  readonly context: RpcInfo["context"];
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiFixture {
  readonly app: FastifyInstance;
  readonly fleet: SampleFleet;
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly bus: Bus;
  readonly calls: ConductorCall[];
  /** The conductor's next answer is this error. */
  refuseNext(error: DroverError): void;
  /** What the next preflight says otherwise than that the server can move to hostb. */
  nextPreflight(report: object): void;
  /** A request under `/v2.1` at version 2.`minor`; parsed body, or undefined when it is empty. */
  nova(
    method: Method,
    path: string,
    minor: number,
    body?: unknown,
  ): Promise<{ status: number; body: unknown; headers: LightMyRequestResponse["headers"] }>;
  v1(method: Method, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  /** `app.inject` with the administrator's token, as the two before have it. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse>;
  /** A token of each role: `reader`, `operator` and `admin` are their holders' names too. */
  readonly tokens: Readonly<Record<Role, string>>;
  close(): Promise<void>;
}

/** Hosts `hosta` (vm1 and vm2 running, vm3 shut off) and `hostb` (empty). */
export async function openApiFixture(
  settings: Partial<ApiConfig> = {},
  clock: Clock = systemClock,
  logger: Logger = silentLogger,
): Promise<ApiFixture> {
  const fleet = await openSampleFleet();
  const { store, progress } = fleet;
  const bus = openInProcessBus();
  const calls: ConductorCall[] = [];
  let refusal: DroverError | undefined;
  let preflight: object = {};
  function answer<Answer>(method: string, request: unknown, info: RpcInfo, value: Answer): Answer {
    calls.push({ method, request, context: info.context });
    const error = refusal;
    refusal = undefined;
    if (error !== undefined) throw error;
    return value;
  }
  await bus.serve({
    topic: "conductor",
    server: "test",
    handlers: [
      handle(liveMigrateInstance, async (request, info) => {
        answer("live_migrate_instance", request, info, undefined);
        const migration = await fleet.queued(request.serverUuid, request.host);
        return { migrationUuid: migration.uuid, migrationId: migration.id };
      }),
      handle(migrationPreflight, async (request, info) =>
        answer("migration_preflight", request, info, {
          server: { uuid: "", name: request.server },
          sourceHost: "hosta",
          requestedHost: request.host,
          canMove: true,
          chosenHost: "hostb",
          reason: "",
          checks: [],
          hosts: [],
          ...preflight,
        }),
      ),
      handle(hostMigrationPreflight, async (request, info) =>
        answer("host_migration_preflight", request, info, {
          ...{ ...request, canMove: 0, cannotMove: 0, canMoveTogether: 0, cannotMoveTogether: 0 },
          ...{ destinations: [], servers: [] },
        }),
      ),
      handle(updateHost, async (request, info) => {
        answer("update_host", request, info, undefined);
        const { enabled, forcedDown } = request.settings;
        const set = await store.hosts.set(request.host, {
          ...(enabled === undefined ? {} : { enabled }),
          ...(forcedDown === undefined ? {} : { forcedDown }),
        });
        if (set === undefined) throw new DroverError("not-found", "no such host");
        return { ...set, maintenanceReason: null };
      }),
      handle(createServerGroup, async (request, info) => {
        const made = await store.serverGroups.create(request.group);
        const group = viewServerGroup({ ...made, members: [] });
        return answer("create_server_group", request, info, { group });
      }),
      handle(createToken, async (request, info) => {
        const { id, secretHash, token, requestedBy: createdBy } = request;
        const expiresAt = token.expiresAt === null ? null : new Date(token.expiresAt);
        const made = await store.tokens.create({ ...token, id, secretHash, expiresAt, createdBy });
        return answer("create_token", request, info, { token: viewToken(made) });
      }),
      handle(revokeToken, async (request, info) => {
        const revoked = await store.tokens.revoke(request.id, request.requestedBy);
        return answer("revoke_token", request, info, { token: viewToken(revoked) });
      }),
      handle(recordAudit, async (told) => {
        await store.audit.add({ ...told, sender: "drover-api", request: null });
      }),
      handle(deleteServerGroup, async (request, info) => answer("delete_server_group", request, info, {})),
      handle(updateAggregate, async (request, info) => {
        const made = { ...request.change, metadata: {}, availabilityZone: request.change.availabilityZone ?? null };
        const { name, hosts, ...rest } = { ...made, name: request.aggregate, hosts: request.change.addHosts };
        const { id } = await store.aggregates.create({ name, hosts, ...rest });
        const aggregate = { id, name, hosts, ...rest, createdAt: new Date().toISOString() };
        return answer("update_aggregate", request, info, { aggregate });
      }),
      handle(updateServer, async (request, info) => {
        const { availabilityZone: zone, locked, lockedReason: reason = null } = request.settings;
        if (zone !== undefined) await store.serverZones.set(S1, zone);
        const lock = { reason, lockedBy: request.requestedBy, byAdmin: request.asAdmin === true };
        if (locked !== undefined) await store.serverLocks.set(S1, locked ? lock : null);
        const server = viewServer(await createFleet(store, systemClock).findServer(request.server));
        return answer("update_server", request, info, { server });
      }),
      handle(abortMigration, async (request, info) =>
        answer("live_migration_abort", request, info, { answer: "accepted" as const }),
      ),
      ...[pauseServer, unpauseServer].map((contract) =>
        handle(contract, async (request, info) => {
          const server = viewServer(await createFleet(store, systemClock).findServer(request.serverUuid));
          return answer(contract.method, request, info, { server });
        }),
      ),
      handle(resetServerState, async (request, info) => {
        const server = viewServer(await createFleet(store, systemClock).findServer(request.serverUuid));
        return answer("reset_server_state", request, info, { server });
      }),
      handle(deleteHost, async (request, info) => answer("delete_host", request, info, {})),
      handle(setMigrationPriority, async (request, info) =>
        answer("set_migration_priority", request, info, { answer: "accepted" as const }),
      ),
      handle(forceCompleteMigration, async (request, info) =>
        answer("live_migration_force_complete", request, info, { answer: "accepted" as const }),
      ),
    ],
  });
  const tokens = { reader: "", operator: "", admin: "" };
  for (const role of ROLES) tokens[role] = await issueToken(store, role);
  const config = apiConfig.parse({ port: 0, ...settings });
  const app = await createApi({ bus, store, progress, logger, clock, config });

  const inject: ApiFixture["inject"] = (request) =>
    app.inject({ ...request, headers: { "x-auth-token": tokens.admin, ...request.headers } });
  async function send(method: Method, url: string, headers: Record<string, string>, body: unknown) {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    const sent = { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const response = await inject({ method, url, headers: sent, ...payload });
    return {
      status: response.statusCode,
      body: response.body === "" ? undefined : response.json(),
      headers: response.headers,
    };
  }
  return {
    app,
    fleet,
    store,
    progress,
    bus,
    calls,
    refuseNext: (error) => {
      refusal = error;
    },
    nextPreflight: (report) => {
      preflight = report;
    },
    nova: (method, path, minor, body) =>
      send(method, `/v2.1${path}`, { "openstack-api-version": `compute 2.${minor}` }, body),
    v1: (method, path, body) => send(method, `/v1${path}`, {}, body),
    inject,
    tokens,
    close: async () => {
      await app.close();
      await bus.close();
      await fleet[Symbol.asyncDispose]();
    },
  };
}

async function issueToken(store: Store, role: Role): Promise<string> {
  const { id, secretHash, text } = mintToken();
  const rest = { projectId: "admin", networks: [], createdBy: "test", expiresAt: null };
  await store.tokens.create({ id, secretHash, name: role, role, ...rest });
  return text;
}
