/** A whole Drover in this process: three simulated hosts with an agent each, and every other service, over HTTP. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiConfig, type KeystoneConfig, startApi } from "@drover/api";
import { type DroverClient, openDrover } from "@drover/api-client";
import { openInProcessBus } from "@drover/bus";
import { FaultyBus } from "@drover/bus/testing";
import { type ComputeAgent, computeConfig, noKnock, startComputeAgent } from "@drover/compute-agent";
import { conductorConfig, startConductor } from "@drover/conductor";
import { type GuestOptions, type RunningFleet, startSimulatedFleet } from "@drover/libvirt-sim";
import { type Clock, defaultPolicy, type MigrationPolicy, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import { schedulerConfig, startScheduler } from "@drover/scheduler";
import { openSqliteStore, type Store } from "@drover/store";
import { waitFor } from "@drover/testkit";
import { mintAdmin } from "../integration/mint-admin.ts";
import { type CrashableStore, crashableStore } from "./crashable-store.ts";
import { heldIn } from "./held-in.ts";

/** The hosts; guests begin on alpha, and beta is where they are sent. */
export const HOSTS = ["alpha", "beta", "gamma"] as const;
export type HostName = (typeof HOSTS)[number];

/** What each local disk of a guest holds. */
export const DISK_CONTENT = Buffer.alloc(2_097_152, "drover");

/** What a guest's config drive holds. */
export const DRIVE_CONTENT = Buffer.alloc(65_536, "config");

/** A guest's config drive, where it has one; its user has put it on alpha. */
export function configDriveOf(guestName: string): string {
  return `/srv/config-drives/${guestName}.iso`;
}

/** The local disk of a guest that has one. */
export function localDiskOf(guestName: string): string {
  return `/var/lib/libvirt/images/${guestName}.raw`;
}

export interface SimulatedPlane extends AsyncDisposable {
  readonly fleet: RunningFleet;
  /** All services send over it: requests between them can be made to go wrong. */
  readonly bus: FaultyBus;
  readonly store: Store;
  /** The conductor's own way to the store: it can be made to crash at one of its writes. */
  readonly conductorStore: CrashableStore;
  /** The administrator's, and the token that it sends. */
  readonly client: DroverClient;
  readonly token: string;
  /** Where the API listens. */
  readonly url: string;
  /** Starts a guest on alpha, its local disks filled; resolves with its UUID when Drover knows it. */
  addGuest(guest: Partial<GuestOptions> & { readonly name: string }): Promise<string>;
  /** Ends a host's agent as its process would be, or starts it again with the memory of the one before. */
  stopAgent(host: HostName): Promise<void>;
  startAgent(host: HostName): Promise<void>;
  stopConductor(): Promise<void>;
  startConductor(): Promise<void>;
  /** What the host's agent has in its state file of migrations that are not over for it, in words. */
  heldBy(host: HostName): Promise<readonly string[]>;
}

export interface PlaneOptions {
  readonly policy?: Partial<MigrationPolicy>;
  /** `[conductor]` */
  readonly conductor?: Readonly<Record<string, number>>;
  /** Of all services and hosts, but not of the bus: what is promised to its callers by its deadlines stays so. */
  readonly clock?: Clock;
  /** A Keystone whose tokens the API takes. @default Drover's own alone */
  readonly keystone?: KeystoneConfig;
  /** A file for the database, so that it can be put back from a backup. @default in memory */
  readonly databasePath?: string;
}

const logger = silentLogger;

export async function startSimulatedPlane(options: PlaneOptions = {}): Promise<SimulatedPlane> {
  const clock = options.clock ?? systemClock;
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "drover-fleet-"));
  started.defer(() => rm(directory, { recursive: true }));
  const fleet = await startSimulatedFleet({
    directory,
    clock,
    hosts: HOSTS.map((name) => ({ name, memoryMiB: 16_384 })),
    // An ordinary guest of these tests takes a second.
    defaultLinkMiBps: 300,
    timings: { prepareMs: 100 },
  });
  started.defer(() => fleet.close());
  const bus = new FaultyBus(openInProcessBus({ logger, clock: systemClock }));
  started.defer(() => bus.close());
  const store = await openSqliteStore({ path: options.databasePath ?? ":memory:", clock, logger });
  started.defer(() => store.close());
  const progress = openMemoryProgress({ clock, logger });
  started.defer(() => progress.close());
  const scheduler = await startScheduler({ bus, store, clock, config: schedulerConfig.parse({}) });
  started.defer(() => scheduler.stop());

  const policy = { ...defaultPolicy, ...options.policy };
  const conductorSettings = conductorConfig.parse(options.conductor ?? {});
  const conductorStore = crashableStore(store);
  const conduct = () =>
    startConductor({ bus, store: conductorStore, progress, clock, logger, policy, config: conductorSettings });
  let conductor = await conduct();
  started.defer(() => conductor.stop());

  const stateFile = (name: HostName) => join(directory, `${name}.json`);
  const agents = new Map<HostName, ComputeAgent>();
  const startAgent = async (name: HostName) => {
    const { uri, peerUri } = fleet.host(name);
    const section = { host: name, libvirt_uri: uri, libvirt_migration_uri: peerUri };
    const compute = { ...computeConfig.parse({ ...section, live_migration_inbound_addr: "127.0.0.1" }) };
    const state_path = stateFile(name);
    const config = { ...compute, state_path };
    const libvirt = { dial: fleet.dial };
    agents.set(name, await startComputeAgent({ bus, progress, clock, logger, config, libvirt, knock: noKnock }));
  };
  const stopAgent = async (name: HostName) => {
    await agents.get(name)?.stop();
    agents.delete(name);
  };
  started.defer(async () => void (await Promise.all([...agents.keys()].map(stopAgent))));
  await Promise.all(HOSTS.map(startAgent));
  await Promise.all([...agents.values()].map((agent) => agent.reported));
  const { keystone } = options;
  const config = apiConfig.parse({ port: 0 });
  const api = await startApi({ bus, store, progress, logger, clock, config, ...(keystone && { keystone }) });
  started.defer(() => api.stop());
  const { text: token, record } = mintAdmin();
  await store.tokens.create(record);
  const stack = started.move();
  return {
    fleet,
    bus,
    store,
    conductorStore,
    client: openDrover({ url: api.address, token }),
    token,
    url: api.address,
    startAgent,
    stopAgent,
    addGuest: async (guest) => {
      for (const path of guest.localDisks ?? []) fleet.putFile("alpha", path, DISK_CONTENT);
      if (guest.readOnlyDisk !== undefined) {
        // Its folder is on every host.
        for (const host of HOSTS) fleet.putFile(host, `${guest.readOnlyDisk}.another`, DRIVE_CONTENT);
        fleet.putFile("alpha", guest.readOnlyDisk, DRIVE_CONTENT);
      }
      const uuid = fleet.addGuest({ host: "alpha", memoryMiB: 512, touchedMiB: 300, dirtyMiBps: 10, ...guest });
      const known = async () => (await store.guests.byServer(uuid)).length > 0;
      await waitFor(`${guest.name} to be known`, known);
      return uuid;
    },
    stopConductor: () => conductor.stop(),
    startConductor: async () => {
      conductorStore.revive();
      conductor = await conduct();
    },
    heldBy: (host) => heldIn(stateFile(host)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
