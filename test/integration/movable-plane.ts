/** Drover's services in this process over a real broker, with a clock that the test moves; the hosts are simulated. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bus, openBus } from "@drover/bus";
import { computeConfig, noKnock, startComputeAgent } from "@drover/compute-agent";
import { conductorConfig, startConductor } from "@drover/conductor";
import { type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { defaultPolicy, type Logger, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { schedulerConfig, startScheduler } from "@drover/scheduler";
import { openSqliteStore, type Store } from "@drover/store";
import { waitFor } from "@drover/testkit";
import type { Broker } from "./broker.ts";
import { MovableClock } from "./movable-clock.ts";

const HOSTS = ["alpha", "beta"] as const;
type HostName = (typeof HOSTS)[number];

export interface MovablePlane extends AsyncDisposable {
  readonly fleet: RunningFleet;
  readonly store: Store;
  readonly clock: MovableClock;
  /** A connection of its own, as another service has. */
  readonly client: Bus;
  /** Starts an agent, or starts it again with the memory of the one before. */
  startAgent(host: HostName, logger?: Logger): Promise<void>;
  /** Ends an agent and its connection. */
  stopAgent(host: HostName): Promise<void>;
  /** What the host's agent holds for migrations to come: their ids. */
  preparedOn(host: HostName): Promise<readonly string[]>;
  /** Moves the clock ahead in small steps, in each of which the agent of `beta` reports in as it would. */
  pass(ms: number): Promise<void>;
}

/** Less than a lease, or a host's patience, lasts: nobody may seem dead because the clock moved. */
const STEP_MS = 4_000;
/** What a message over the broker and a write take, so that the steps do not outrun what happens in them. */
const BREATH_MS = 20;
/** A host is down after 60 s. */
const SEEN_WITHIN_MS = 40_000;

export async function startMovablePlane(broker: Broker): Promise<MovablePlane> {
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "drover-fleet-"));
  started.defer(() => rm(directory, { recursive: true }));
  const fleet = await startSimulatedFleet({ directory, hosts: HOSTS.map((name) => ({ name })) });
  started.defer(() => fleet.close());
  const clock = new MovableClock();
  // Its own time is the broker's: only what Drover decides by the clock is moved.
  const connect = (name: string): Bus => {
    const settings = { trusted_users: [], tls_ca_path: null, tls_cert_path: null, tls_key_path: null };
    const { driver, server } = broker;
    return openBus({ ...settings, driver, url: server.url }, { name, logger: silentLogger, clock: systemClock });
  };
  const store = await openSqliteStore({ path: ":memory:", clock, logger: silentLogger });
  started.defer(() => store.close());
  const progress = openMemoryProgress({ clock, logger: silentLogger });
  started.defer(() => progress.close());
  const bus = connect("control-plane");
  started.defer(() => bus.close());
  const client = connect("client");
  started.defer(() => client.close());
  const scheduler = await startScheduler({ bus, store, clock, config: schedulerConfig.parse({}) });
  started.defer(() => scheduler.stop());
  const parts = { bus, store, progress, clock, logger: silentLogger };
  const conductor = await startConductor({ ...parts, policy: defaultPolicy, config: conductorConfig.parse({}) });
  started.defer(() => conductor.stop());

  const stateFile = (host: HostName) => join(directory, `${host}.json`);
  const agents = new Map<HostName, AsyncDisposableStack>();
  const startAgent = async (name: HostName, logger = silentLogger) => {
    const own = new AsyncDisposableStack();
    agents.set(name, own);
    const agentBus = connect(`agent-${name}`);
    own.defer(() => agentBus.close());
    const { uri, peerUri } = fleet.host(name);
    const config = computeConfig.parse({
      host: name,
      libvirt_uri: uri,
      libvirt_migration_uri: peerUri,
      live_migration_inbound_addr: "127.0.0.1",
    });
    const agent = await startComputeAgent({
      ...{ bus: agentBus, progress, clock, logger, config: { ...config, state_path: stateFile(name) } },
      ...{ libvirt: { dial: fleet.dial }, knock: noKnock },
    });
    own.defer(() => agent.stop());
    await agent.reported;
  };
  const stopAgent = async (name: HostName) => {
    await agents.get(name)?.disposeAsync();
    agents.delete(name);
  };
  started.defer(async () => void (await Promise.all([...agents.keys()].map(stopAgent))));
  await Promise.all(HOSTS.map((name) => startAgent(name)));
  const stack = started.move();
  return {
    fleet,
    store,
    clock,
    client,
    startAgent,
    stopAgent,
    preparedOn: async (host) => {
      const text = await readFile(stateFile(host), "utf8").catch(() => `{"prepared":[]}`);
      const { prepared }: { readonly prepared: readonly { readonly migrationUuid: string }[] } = JSON.parse(text);
      return prepared.map(({ migrationUuid }) => migrationUuid);
    },
    pass: async (ms) => {
      for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
        clock.moveAhead(Math.min(STEP_MS, leftMs));
        await systemClock.sleep(BREATH_MS);
        const seen = async () => {
          const beta = await store.hosts.get("beta");
          return beta !== undefined && clock.now().getTime() - beta.lastSeenAt.getTime() < SEEN_WITHIN_MS;
        };
        // By the broker's own clock, which is not moved: NATS may need seconds to find a pull that it has lost.
        await waitFor("beta's agent to report in", seen, { deadlineMs: 30_000 });
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
