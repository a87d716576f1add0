/** Every service a process of its own, over a real broker, Redis and PostgreSQL; the hosts are simulated in this process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DroverClient, openDrover } from "@drover/api-client";
import type { BrokerRole } from "@drover/bus";
import { type GuestOptions, type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { silentLogger, systemClock } from "@drover/model";
import { openPostgresStore, type Store } from "@drover/store";
import {
  createOwnedFolder,
  type DroverProcess,
  freePort,
  type Postgres,
  type RealService,
  startDroverProcess,
  startPostgres,
  startRedis,
  waitFor,
} from "@drover/testkit";
import { type OtlpReceiver, startOtlpReceiver } from "../observability/otlp-receiver.ts";
import { startAgentOf } from "./agent-of.ts";
import { type Broker, type BusDriver, startBroker } from "./broker.ts";
import { mintAdmin } from "./mint-admin.ts";

const HOSTS = ["alpha", "beta"] as const;
type HostName = (typeof HOSTS)[number];

/** Copies last as long as a test wants: it holds them back, makes its trouble, and lets them go. */
const HELD_BACK_MIBPS = 20;
const LET_GO_MIBPS = 2_000;

export interface ProcessPlane extends AsyncDisposable {
  readonly broker: Broker;
  readonly redis: RealService;
  readonly postgres: Postgres;
  readonly storeUrl: string;
  /** A look into the same database. */
  readonly store: Store;
  readonly fleet: RunningFleet;
  readonly client: DroverClient;
  /** Where its processes send traces; undefined where they send none. */
  readonly traces: OtlpReceiver | undefined;
  readonly api: DroverProcess;
  readonly scheduler: DroverProcess;
  readonly conductors: readonly [DroverProcess, DroverProcess];
  readonly agents: Readonly<Record<HostName, DroverProcess>>;
  /** All of them but the second conductor, which a test starts when it wants it. */
  readonly processes: readonly DroverProcess[];
  /** Resolves when all processes are ready, both hosts are shown as up, and `client` may be used. */
  untilReady(): Promise<void>;
  /** Starts a guest on alpha that takes a minute to copy until {@link letGo}; resolves when the API shows it. */
  addGuest(guest: Partial<GuestOptions> & { readonly name: string }): Promise<string>;
  holdBack(): void;
  letGo(): void;
}

export interface ProcessPlaneOptions {
  readonly driver: BusDriver;
  /** Each process has a user of its own at the broker, which may do the least. @default one user for all */
  readonly leastPrivilege?: boolean;
  /** The servers are stopped again before Drover's processes start: they begin with everything away. @default false */
  readonly serversAway?: boolean;
  /** Its processes send their traces to `traces`. @default false */
  readonly traced?: boolean;
}

const CONDUCTOR = { role: "control-plane", name: "conductor" } as const;

/** Starts the servers and Drover's processes. */
export async function startProcessPlane(options: ProcessPlaneOptions): Promise<ProcessPlane> {
  const { driver, leastPrivilege = false, serversAway = false, traced = false } = options;
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "drover-fleet-"));
  started.defer(() => rm(directory, { recursive: true }));
  const fleet = await startSimulatedFleet({
    directory,
    hosts: HOSTS.map((name) => ({ name })),
    // The agents are processes on this machine, and try what their hosts would have to reach.
    networkDisks: false,
    defaultLinkMiBps: HELD_BACK_MIBPS,
    timings: { prepareMs: 100 },
  });
  started.defer(() => fleet.close());
  const roles = [
    ...["api", "conductor", "scheduler"].map((name) => ({ role: "control-plane" as const, name })),
    ...HOSTS.map((host) => ({ role: "agent" as const, host })),
  ];
  const [broker, redis, postgres] = await Promise.all([
    startBroker(driver, leastPrivilege ? roles : []),
    startRedis(),
    startPostgres(),
  ]);
  for (const service of [broker, redis, postgres]) started.use(service);
  const storeUrl = await postgres.createDatabase();
  if (serversAway) await Promise.all([broker.server.stop(), redis.stop(), postgres.stop()]);

  const traces = started.use(await startOtlpReceiver());
  const folder = await createOwnedFolder({ kind: "drover" });
  started.defer(() => folder.remove());
  const apiPort = String(await freePort());
  const shared = {
    DROVER_DATA_DIR: folder.path,
    DROVER_BUS_DRIVER: driver,
    ...(leastPrivilege ? { DROVER_BUS_TRUSTED_USERS: broker.userFor(CONDUCTOR).name } : {}),
    DROVER_STORE_URL: storeUrl,
    DROVER_PROGRESS_URL: redis.url,
    DROVER_API_PORT: apiPort,
    // Receivers of webhooks are in the test.
    DROVER_CONDUCTOR_WEBHOOK_ALLOW_LOOPBACK: "true",
    ...(traced ? { DROVER_TRACING_ENDPOINT: traces.url } : {}),
  };
  const urlFor = (role: BrokerRole) => (leastPrivilege ? broker.userFor(role).url : broker.server.url);
  const start = (service: Exclude<DroverProcess["service"], "compute-agent">, label: string) => {
    const env = { ...shared, DROVER_BUS_URL: urlFor({ role: "control-plane", name: service }) };
    return startDroverProcess({ service, label, folder, env });
  };
  const startAgent = (host: HostName) =>
    startAgentOf(fleet, host, { folder, env: { ...shared, DROVER_BUS_URL: urlFor({ role: "agent", host }) } });
  const [api, scheduler, first, second] = await Promise.all([
    start("api", "api"),
    start("scheduler", "scheduler"),
    start("conductor", "conductor-1"),
    start("conductor", "conductor-2"),
  ]);
  // As the guide says: on an empty broker agents of few rights wait for what the control plane declares, and complain.
  if (leastPrivilege) await first.waitUntilReady({ deadlineMs: 60_000 });
  const [alpha, beta] = await Promise.all([startAgent("alpha"), startAgent("beta")]);
  const processes = [api, scheduler, first, alpha, beta];
  const store = await openPostgresStore({ url: storeUrl, clock: systemClock, logger: silentLogger });
  started.defer(() => store.close());
  const admin = mintAdmin();
  // The database may be starting: a port that is open does not answer yet.
  const letClientIn = () =>
    waitFor(
      "the database to take the client's token",
      async () => {
        if ((await store.tokens.get(admin.record.id)) === undefined) await store.tokens.create(admin.record);
        return true;
      },
      { deadlineMs: 60_000 },
    );
  // What is away can take no token: then `untilReady` sees to it.
  if (!serversAway) await letClientIn();
  const client = openDrover({ url: `http://127.0.0.1:${apiPort}`, token: admin.text });
  const stack = started.move();
  return {
    broker,
    redis,
    postgres,
    storeUrl,
    store,
    fleet,
    client,
    traces: traced ? traces : undefined,
    api,
    scheduler,
    conductors: [first, second],
    agents: { alpha, beta },
    processes,
    untilReady: async () => {
      await Promise.all(processes.map((process) => process.waitUntilReady({ deadlineMs: 60_000 })));
      await letClientIn();
      // A host is known when its agent has reached a conductor, which is later than being ready.
      const upHosts = async () => (await client.hosts()).hosts.filter(({ state }) => state === "up");
      await waitFor("both hosts to be up", async () => (await upHosts()).length === HOSTS.length, {
        deadlineMs: 30_000,
      });
    },
    addGuest: async (guest) => {
      const uuid = fleet.addGuest({ host: "alpha", memoryMiB: 1024, touchedMiB: 800, dirtyMiBps: 2, ...guest });
      await waitFor(`${guest.name} to be shown`, () => client.server(uuid), { deadlineMs: 30_000 });
      return uuid;
    },
    holdBack: () => fleet.faults.setLinkBandwidth("alpha", "beta", HELD_BACK_MIBPS),
    letGo: () => fleet.faults.setLinkBandwidth("alpha", "beta", LET_GO_MIBPS),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
