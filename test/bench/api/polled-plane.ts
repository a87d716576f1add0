import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultPolicy, type MigrationProgress, silentLogger, systemClock } from "@drover/model";
import { openRedisProgress, type ProgressCache } from "@drover/progress";
import { openPostgresStore, type Store } from "@drover/store";
import {
  createOwnedFolder,
  type DroverProcess,
  freePort,
  type RealService,
  startDroverProcess,
  startPostgres,
  startRedis,
} from "@drover/testkit";
import { startBroker } from "../../integration/broker.ts";
import { mintAdmin } from "../../integration/mint-admin.ts";

export interface RunningMigration {
  readonly id: number;
  readonly uuid: string;
  readonly serverUuid: string;
  readonly sourceHost: string;
}

/** One API process over PostgreSQL, Redis and a broker, and records of migrations that run; nobody runs them. */
export interface PolledPlane extends AsyncDisposable {
  readonly api: DroverProcess;
  readonly url: string;
  readonly token: string;
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly redis: RealService;
  readonly migrations: readonly RunningMigration[];
  /** A file with the path of each migration as Nova's clients poll it. */
  readonly pathsFile: string;
}

export async function startPolledPlane(count: number): Promise<PolledPlane> {
  await using started = new AsyncDisposableStack();
  const [broker, redis, postgres] = await Promise.all([startBroker("nats", []), startRedis(), startPostgres()]);
  for (const service of [broker, redis, postgres]) started.use(service);
  const storeUrl = await postgres.createDatabase();
  const own = { clock: systemClock, logger: silentLogger };
  const store = await openPostgresStore({ url: storeUrl, ...own });
  started.defer(() => store.close());
  const progress = await openRedisProgress({ url: redis.url, logger: silentLogger });
  started.defer(() => progress.close());
  const admin = mintAdmin();
  await store.tokens.create(admin.record);
  const migrations: RunningMigration[] = [];
  while (migrations.length < count)
    migrations.push(
      ...(await Promise.all(
        Array.from({ length: 50 }, (_, n) => record(store, `host-${Math.floor((migrations.length + n) / 10)}`)),
      )),
    );

  const folder = await createOwnedFolder({ kind: "drover" });
  started.defer(() => folder.remove());
  const pathsFile = join(folder.path, "paths");
  const paths = migrations.map(({ serverUuid, id }) => `/v2.1/servers/${serverUuid}/migrations/${id}\n`);
  writeFileSync(pathsFile, paths.join(""));
  const port = String(await freePort());
  const env = {
    DROVER_DATA_DIR: folder.path,
    DROVER_BUS_DRIVER: "nats",
    DROVER_BUS_URL: broker.server.url,
    DROVER_STORE_URL: storeUrl,
    DROVER_PROGRESS_URL: redis.url,
    DROVER_API_PORT: port,
  };
  const api = await startDroverProcess({ service: "api", folder, env });
  await api.waitUntilReady();
  const stack = started.move();
  return {
    ...{ api, url: `http://127.0.0.1:${port}`, token: admin.text, store, progress, redis, migrations, pathsFile },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function record(store: Store, sourceHost: string): Promise<RunningMigration> {
  const serverUuid = randomUUID();
  const log = { event: "queued", message: "" };
  const created = await store.migrations.create(
    {
      ...{ serverUuid, serverName: `vm-${serverUuid.slice(0, 8)}`, sourceHost, requestedHost: null },
      ...{ memoryKiB: 4_194_304, policy: defaultPolicy, step: "move-guest" },
      ...{ requestedBy: "admin", projectId: "admin", requestId: `req-${randomUUID()}` },
    },
    log,
  );
  const change = { state: "running", destinationHost: "beta" } as const;
  const { id, uuid } = await store.migrations.update(created.uuid, created, change, { event: "started", message: "" });
  return { id, uuid, serverUuid, sourceHost };
}

/** Numbers of a copy, observed now. */
export function snapshotOf({ uuid }: RunningMigration, sequence: number): MigrationProgress {
  return {
    ...{ migrationUuid: uuid, sequence, observedAtMs: Date.now(), phase: "pre-copy", elapsedMs: sequence * 500 },
    ...{ memoryTotalBytes: 4_294_967_296, memoryProcessedBytes: sequence, memoryRemainingBytes: 1_073_741_824 },
    ...{ memoryBytesPerSecond: 117_440_512, dirtyBytesPerSecond: 4_096, iteration: 3 },
    ...{ diskTotalBytes: 0, diskProcessedBytes: 0, diskRemainingBytes: 0 },
    ...{ expectedDowntimeMs: 300, downtimeLimitMs: 500, autoConvergeThrottlePercent: 0, downtimeMs: null },
  };
}

/** Publishes the numbers of all, twice a second as agents do, until it is stopped. */
export function keepPublishing({ progress, migrations }: PolledPlane): () => void {
  let sequence = Date.now();
  const byHost = Map.groupBy(migrations, ({ sourceHost }) => sourceHost);
  const publish = () => {
    sequence += 1;
    for (const [host, own] of byHost) {
      progress
        .publish(
          host,
          own.map((migration) => snapshotOf(migration, sequence)),
        )
        // Redis is stopped for one of the rounds: what cannot be published then is not missed.
        .catch(() => undefined);
    }
  };
  publish();
  const timer = setInterval(publish, 500);
  return () => clearInterval(timer);
}
