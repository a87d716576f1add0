/** For tests: the API over a real SQLite store, a real in-process bus and memory progress; only the conductor is played. */
import { type Bus, handle, openInProcessBus, type RpcInfo } from "@drover/bus";
import { abortMigration, forceCompleteMigration, liveMigrateInstance } from "@drover/contracts";
import {
  type DroverError,
  defaultPolicy,
  type HostFacts,
  type Migration,
  type MigrationProgress,
  type ObservedGuest,
  silentLogger,
  systemClock,
} from "@drover/model";
import { openMemoryProgress, type ProgressCache } from "@drover/progress";
import { openSqliteStore, type Store } from "@drover/store";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { createApi } from "./create-api.ts";

/** What the played conductor was asked, in order. */
interface ConductorCall {
  readonly method: string;
  readonly request: unknown;
  readonly context: RpcInfo["context"];
}

export interface ApiFixture {
  readonly app: FastifyInstance;
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly bus: Bus;
  readonly calls: ConductorCall[];
  /** The conductor's next answer is this error. */
  refuseNext(error: DroverError): void;
  /** A request under `/v2.1` at version 2.`minor`; parsed body, or undefined when it is empty. */
  nova(
    method: "GET" | "POST" | "DELETE",
    path: string,
    minor: number,
    body?: unknown,
  ): Promise<{ status: number; body: unknown; headers: LightMyRequestResponse["headers"] }>;
  v1(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  close(): Promise<void>;
}

export const S1 = "11111111-1111-4111-8111-111111111111";
export const S2 = "22222222-2222-4222-8222-222222222222";
export const S3 = "33333333-3333-4333-8333-333333333333";

function hostFacts(host: string, digit: string): HostFacts {
  return {
    host,
    hostUuid: `${digit.repeat(8)}-aaaa-4aaa-8aaa-aaaaaaaaaaaa`,
    hypervisorType: "QEMU",
    hypervisorVersion: 7_002_000,
    libvirtVersion: 9_000_000,
    cpuArch: "x86_64",
    cpuModel: "EPYC",
    cpus: 8,
    memoryKiB: 16 * 1024 * 1024,
    inboundAddress: `127.0.0.${digit}`,
    libvirtUri: `qemu+tcp://127.0.0.${digit}/system`,
  };
}

export function guest(uuid: string, name: string, change: Partial<ObservedGuest> = {}): ObservedGuest {
  return {
    uuid,
    name,
    powerState: "running",
    persistent: true,
    vcpus: 1,
    memoryKiB: 512 * 1024,
    migrating: false,
    ...change,
  };
}

export function snapshot(migrationUuid: string, change: Partial<MigrationProgress> = {}): MigrationProgress {
  return {
    migrationUuid,
    sequence: 1,
    observedAtMs: Date.now(),
    phase: "pre-copy",
    elapsedMs: 1000,
    memoryTotalBytes: 1000,
    memoryProcessedBytes: 600,
    memoryRemainingBytes: 400,
    memoryBytesPerSecond: 100,
    dirtyBytesPerSecond: 10,
    iteration: 1,
    diskTotalBytes: 0,
    diskProcessedBytes: 0,
    diskRemainingBytes: 0,
    expectedDowntimeMs: 10,
    downtimeLimitMs: 50,
    autoConvergeThrottlePercent: 0,
    downtimeMs: null,
    ...change,
  };
}

/** Hosts `hosta` (vm1 and vm2 running, vm3 shut off) and `hostb` (empty). */
export async function openApiFixture(): Promise<ApiFixture> {
  const store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
  const progress = openMemoryProgress({ clock: systemClock, logger: silentLogger });
  const bus = openInProcessBus();
  await store.hosts.report(hostFacts("hosta", "1"), "0.1.0");
  await store.hosts.report(hostFacts("hostb", "2"), "0.1.0");
  const shutOff = guest(S3, "vm3", { powerState: "shutoff" });
  await store.guests.replaceSightings("hosta", [guest(S1, "vm1"), guest(S2, "vm2"), shutOff]);
  await store.guests.replaceSightings("hostb", []);

  const calls: ConductorCall[] = [];
  let refusal: DroverError | undefined;
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
        const migration = await createMigration(store, { serverUuid: request.serverUuid, requestedHost: request.host });
        return { migrationUuid: migration.uuid, migrationId: migration.id };
      }),
      handle(abortMigration, async (request, info) =>
        answer("live_migration_abort", request, info, { answer: "accepted" as const }),
      ),
      handle(forceCompleteMigration, async (request, info) =>
        answer("live_migration_force_complete", request, info, { answer: "accepted" as const }),
      ),
    ],
  });
  const config = { host: "127.0.0.1", port: 0 };
  const app = await createApi({ bus, store, progress, logger: silentLogger, clock: systemClock, config });

  async function send(method: "GET" | "POST" | "DELETE", url: string, headers: Record<string, string>, body: unknown) {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    const sent = { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const response = await app.inject({ method, url, headers: sent, ...payload });
    return {
      status: response.statusCode,
      body: response.body === "" ? undefined : response.json(),
      headers: response.headers,
    };
  }
  return {
    app,
    store,
    progress,
    bus,
    calls,
    refuseNext: (error) => {
      refusal = error;
    },
    nova: (method, path, minor, body) =>
      send(method, `/v2.1${path}`, { "openstack-api-version": `compute 2.${minor}` }, body),
    v1: (method, path, body) => send(method, `/v1${path}`, {}, body),
    close: async () => {
      await app.close();
      await bus.close();
      await progress.close();
      await store.close();
    },
  };
}

export async function createMigration(
  store: Store,
  change: { readonly serverUuid: string; readonly requestedHost?: string | null },
): Promise<Migration> {
  const { serverUuid, requestedHost = null } = change;
  const migration = {
    serverUuid,
    serverName: "vm1",
    sourceHost: "hosta",
    requestedHost,
    memoryKiB: 512 * 1024,
    policy: defaultPolicy,
    step: "choose-destination",
    requestedBy: "admin",
    projectId: "admin",
    requestId: "req-1",
  };
  return store.migrations.create(migration, { event: "requested", message: "asked for by admin" });
}

/** A migration of `serverUuid` to hostb that copies. */
export async function runningMigration(store: Store, serverUuid: string): Promise<Migration> {
  return move(store, await createMigration(store, { serverUuid }), { state: "running", destinationHost: "hostb" });
}

export async function move(
  store: Store,
  migration: Migration,
  change: Parameters<Store["migrations"]["update"]>[2],
): Promise<Migration> {
  const { uuid, state, generation } = migration;
  return store.migrations.update(uuid, { state, generation }, change);
}
