/** A Drover of separate processes over a real broker, Redis and PostgreSQL, and a fleet of simulated hosts in a few processes. */
import { fileURLToPath } from "node:url";
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
import { WorkerProcess } from "../bench/worker-process.ts";
import { mintAdmin } from "../integration/mint-admin.ts";
import {
  guestNames,
  type HostProcessRequest,
  type HostProcessSpec,
  type HostProcessState,
  hostNames,
  nextOf,
} from "./host-process-spec.ts";

export interface FleetPlaneOptions extends Pick<HostProcessSpec, "guestsPerHost" | "linkMiBps"> {
  /** How many processes the hosts are in, and how many are in each. */
  readonly processes: number;
  readonly hostsPerProcess: number;
  /** Settings of PostgreSQL. @default none */
  readonly postgres?: Readonly<Record<string, string>>;
  /** Configuration of Drover's services beyond where they find each other: `DROVER_*` variables. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

/** A migration that the fleet can carry out: a guest, where it begins and where it is sent. */
export interface Move {
  readonly guest: string;
  readonly from: string;
  readonly to: string;
}

/** A process of simulated hosts. */
export interface HostProcess {
  readonly pid: number | undefined;
  readonly hosts: readonly string[];
  /** Every guest to the next host of the process. */
  readonly moves: readonly Move[];
  /** What its hosts can send to their next one from now on, MiB/s. */
  setLinks(linkMiBps: number): Promise<void>;
  state(): Promise<HostProcessState>;
}

export interface FleetPlane extends AsyncDisposable {
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
  readonly hostProcesses: readonly HostProcess[];
}

/** Hosts report as fast as one conductor takes them in: a thousand need a while. */
const KNOWN_WITHIN_MS = 120_000;

/** Resolves when the API shows every host as up. */
export async function startFleetPlane(options: FleetPlaneOptions): Promise<FleetPlane> {
  const { processes, hostsPerProcess, guestsPerHost, linkMiBps } = options;
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
  const [api, scheduler, conductor] = await Promise.all(
    (["api", "scheduler", "conductor"] as const).map((service) => startDroverProcess({ service, folder, env })),
  );
  if (api === undefined || scheduler === undefined || conductor === undefined) throw new Error("not all have started");
  const specs = Array.from({ length: processes }, (_, index) => ({
    ...{ name: `h${index}`, hosts: hostsPerProcess, guestsPerHost, linkMiBps },
    ...{ busUrl: rabbit.url, progressUrl: redis.url },
  }));
  const hostProcesses = await Promise.all(specs.map((spec) => startHosts(started, spec)));
  const store = await openPostgresStore({ url: storeUrl, clock: systemClock, logger: silentLogger });
  started.defer(() => store.close());
  const { text: token, record } = mintAdmin();
  await store.tokens.create(record);
  const url = `http://127.0.0.1:${apiPort}`;
  const client = openDrover({ url, token });
  await Promise.all([api, scheduler, conductor].map((process) => process.waitUntilReady()));
  const known = processes * hostsPerProcess;
  await waitFor(
    `${known} hosts to be up`,
    async () => (await client.hosts()).hosts.filter(({ state }) => state === "up").length === known,
    { deadlineMs: KNOWN_WITHIN_MS, intervalMs: 250 },
  );
  const stack = started.move();
  return {
    ...{ rabbit, redis, postgres, storeUrl, store, client, url, token, api, conductor, scheduler, hostProcesses },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Asks for the migrations, several at a time; resolves with their numbers, in the same order. */
export async function requestMoves(client: DroverClient, moves: readonly Move[], atOnce = 16): Promise<number[]> {
  const ids: number[] = [];
  const waiting = moves.entries();
  const ask = async () => {
    for (const [index, { guest, to }] of waiting) ids[index] = (await client.migrate(guest, { host: to })).migration.id;
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return ids;
}

async function startHosts(stack: AsyncDisposableStack, spec: HostProcessSpec): Promise<HostProcess> {
  const program = fileURLToPath(new URL("host-process.ts", import.meta.url));
  const worker = await WorkerProcess.start([process.execPath, program, JSON.stringify(spec)]);
  stack.defer(() => worker.end());
  const hosts = hostNames(spec);
  const ask = (request: HostProcessRequest) => worker.ask(request);
  return {
    pid: worker.pid,
    hosts,
    moves: hosts.flatMap((from) => guestNames(spec, from).map((guest) => ({ guest, from, to: nextOf(hosts, from) }))),
    setLinks: async (linkMiBps) => {
      await ask({ linkMiBps });
    },
    state: async () => (await ask({ ask: "state" })) as HostProcessState,
  };
}
