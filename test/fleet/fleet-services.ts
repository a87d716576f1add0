/** Drover's central services in a process each, over a real broker, Redis and PostgreSQL; without hosts. */
import { type DroverClient, openDrover } from "@drover/api-client";
import { silentLogger, systemClock } from "@drover/model";
import { openPostgresStore, type Store } from "@drover/store";
import {
  createOwnedFolder,
  type DroverProcess,
  freePort,
  type Postgres,
  type RabbitMq,
  type RealService,
  startDroverProcess,
  startPostgres,
  startRabbitMq,
  startRedis,
  waitFor,
} from "@drover/testkit";
import { mintAdmin } from "../integration/mint-admin.ts";

export interface FleetServicesOptions {
  /** Settings of PostgreSQL. @default none */
  readonly postgres?: Readonly<Record<string, string>>;
  /** Configuration of Drover's services beyond where they find each other: `DROVER_*` variables. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

export interface FleetServices extends AsyncDisposable {
  readonly rabbit: RabbitMq;
  readonly redis: RealService;
  readonly postgres: Postgres;
  readonly storeUrl: string;
  /** A look into the same database. */
  readonly store: Store;
  readonly client: DroverClient;
  readonly url: string;
  readonly token: string;
  readonly api: DroverProcess;
  readonly conductor: DroverProcess;
  readonly scheduler: DroverProcess;
}

/** Resolves when all of them are ready. */
export async function startFleetServices(options: FleetServicesOptions): Promise<FleetServices> {
  await using started = new AsyncDisposableStack();
  const [rabbit, redis, postgres] = await Promise.all([
    startRabbitMq(),
    startRedis(),
    startPostgres({ settings: options.postgres ?? {} }),
  ]);
  for (const service of [rabbit, redis, postgres]) started.use(service);
  const storeUrl = await postgres.createDatabase();
  const folder = await createOwnedFolder({ kind: "drover" });
  started.defer(() => folder.remove());
  const apiPort = String(await freePort());
  const env = {
    DROVER_DATA_DIR: folder.path,
    DROVER_BUS_URL: rabbit.url,
    DROVER_STORE_URL: storeUrl,
    DROVER_PROGRESS_URL: redis.url,
    DROVER_API_PORT: apiPort,
    ...options.env,
  };
  const start = async (service: "api" | "conductor" | "scheduler") => {
    const process = await startDroverProcess({ service, folder, env });
    started.defer(() => process.kill9());
    return process;
  };
  const [api, scheduler, conductor] = await Promise.all([start("api"), start("scheduler"), start("conductor")]);
  const store = await openPostgresStore({ url: storeUrl, clock: systemClock, logger: silentLogger });
  started.defer(() => store.close());
  await Promise.all([api, scheduler, conductor].map((process) => process.waitUntilReady()));
  const { text: token, record } = mintAdmin();
  await store.tokens.create(record);
  const url = `http://127.0.0.1:${apiPort}`;
  const stack = started.move();
  return {
    ...{ rabbit, redis, postgres, storeUrl, store, client: openDrover({ url, token }), url, token },
    ...{ api, conductor, scheduler },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Hosts report as fast as one conductor takes them in: a thousand need a while. */
const KNOWN_WITHIN_MS = 120_000;

/** Resolves when the API shows so many hosts as up, each with its guests, which are recorded a moment after it. */
export async function untilUp(
  { client }: Pick<FleetServices, "client">,
  count: number,
  guestsPerHost: number,
): Promise<void> {
  await waitFor(
    `${count} hosts to be up with ${guestsPerHost} guests each`,
    async () => {
      const { hosts } = await client.hosts();
      const up = hosts.filter(({ state, servers }) => state === "up" && servers === guestsPerHost).length;
      if (up < count) throw new Error(`${up} are`);
      return true;
    },
    { deadlineMs: KNOWN_WITHIN_MS, intervalMs: 250 },
  );
}
