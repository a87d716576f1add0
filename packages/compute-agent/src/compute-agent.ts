import type { Bus } from "@drover/bus";
import type { ConnectionOptions } from "@drover/libvirt";
import { type Clock, DroverError, type HostFacts, type Logger } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import { type Metrics, type RunningService, unscrapedMetrics } from "@drover/service-kit";
import type { ComputeConfig } from "./compute-config.ts";
import { computeControlHandlers, computeHandlers } from "./compute-handlers.ts";
import { HeldWork } from "./held-work.ts";
import { GuestInventory } from "./inventory/guest-inventory.ts";
import { HostReporter } from "./inventory/host-reporter.ts";
import { readHostFacts } from "./inventory/read-host-facts.ts";
import { Journal } from "./journal/journal.ts";
import type { StateFile } from "./journal/state-file.ts";
import { LibvirtLink } from "./libvirt/libvirt-link.ts";
import { CommandFence } from "./migration/command-fence.ts";
import { MigrationGauges } from "./migration/migration-gauges.ts";
import { Migrations } from "./migration/migrations.ts";
import { PollRhythm } from "./migration/poll-rhythm.ts";
import { ProgressPublisher } from "./migration/progress-publisher.ts";
import { type ResolveAddress, resolveByMachine } from "./network/inbound-address.ts";
import { type Knock, knockByMachine } from "./network/knock.ts";
import { Preparation } from "./preparation.ts";
import { Folders } from "./storage/folders.ts";
import { HostStorage } from "./storage/host-storage.ts";
import { PoolConnections } from "./storage/pool-connections.ts";
import { StorageProofs } from "./storage/storage-proofs.ts";
import { type HostFiles, machineFiles } from "./tls/host-files.ts";

export interface ComputeAgentOptions {
  readonly bus: Bus;
  readonly progress: ProgressCache;
  readonly logger: Logger;
  readonly clock: Clock;
  /** `state_path` must be given; only a process entry knows `data_dir`. */
  readonly config: ComputeConfig & { readonly state_path: string };
  readonly agentVersion?: string;
  /** Keeps the agent's state instead of `state_path`. */
  readonly stateFile?: StateFile;
  readonly libvirt?: ConnectionOptions;
  /** What the inbound address is here. @default the machine's resolver; simulated hosts have their own names */
  readonly resolveAddress?: ResolveAddress;
  /** The host's configuration and certificates. @default the machine's; simulated hosts have none */
  readonly hostFiles?: HostFiles;
  /** How ports of other hosts are tried. @default over the network; simulated hosts have none of their own */
  readonly knock?: Knock;
  /** Takes the numbers of running copies. @default nobody scrapes them */
  readonly metrics?: Metrics;
}

export interface ComputeAgent extends RunningService {
  /** Resolves when the conductor knows this host and its guests; stays pending while libvirtd, bus or conductor are away. */
  readonly reported: Promise<void>;
  /** Rejects while libvirtd is away: for readiness. */
  pingLibvirt(): Promise<void>;
}

/**
 * Starts the agent of one host: connects to its libvirtd, takes up the migrations that an earlier process left, serves
 * `compute` and `compute-control`, and reports the host and its guests.
 *
 * Resolves although libvirtd, the bus or the conductor may be away: they are waited for. `stop` leaves running
 * migrations to libvirt; the next start takes them up.
 *
 * @throws {DroverError} `bad-request` when the state file is not readable as ours.
 */
export async function startComputeAgent(options: ComputeAgentOptions): Promise<ComputeAgent> {
  const { bus, progress, clock, config } = options;
  const { resolveAddress = resolveByMachine, hostFiles = machineFiles, knock = knockByMachine } = options;
  const { host } = config;
  const logger = options.logger.child({ host });
  const journal = await Journal.open(options.stateFile ?? config.state_path);
  const ended = new AbortController();
  const link = new LibvirtLink({
    uri: config.libvirt_uri,
    clock,
    logger,
    ...(options.libvirt === undefined ? {} : { connection: options.libvirt }),
  });
  // A host's hardware and versions change only with its libvirtd: read once per connection.
  let facts: HostFacts | undefined;
  const readFacts = async (): Promise<HostFacts> => {
    facts ??= await readHostFacts(link.questions, config, hostFiles);
    return facts;
  };
  link.listen((event) => {
    if (event.type !== "everything-changed") return;
    facts = undefined;
    held.soon();
  });
  const reporter = new HostReporter({
    bus,
    clock,
    logger,
    host,
    agentVersion: options.agentVersion ?? "0.1.0",
    isReady: () => link.isConnected && inventory.hasRead,
    read: async () => ({ facts: await readFacts(), guests: inventory.guests() }),
    records: journal,
  });
  const inventory = new GuestInventory({ link, clock, logger, onChange: () => reporter.changed() });
  const fence = new CommandFence();
  const migrations = new Migrations({
    link,
    journal,
    publisher: new ProgressPublisher({ cache: progress, host, logger, clock }),
    rhythm: new PollRhythm(clock),
    gauges: new MigrationGauges(options.metrics ?? unscrapedMetrics(), host),
    clock,
    logger,
    reports: { bus, clock, logger, host },
    signal: ended.signal,
    fence,
    config,
    hostFiles,
    readFacts,
    onUnknown: () => held.soon(),
    onChange: (serverUuid) => inventory.touch(serverUuid),
  });
  const folders = new Folders(link, logger);
  const proofs = new StorageProofs({ link, folders, journal, clock, logger });
  const pools = new PoolConnections({ link, host, journal, logger });
  const storage = new HostStorage({
    ...{ link, host, logger, journal, folders, proofs, pools },
    ...(options.libvirt === undefined ? {} : { connection: options.libvirt }),
  });
  const preparation = new Preparation({
    ...{ link, journal, config, clock, logger, fence, storage, pools, resolveAddress, hostFiles },
  });
  const isReady = () => link.isConnected && reporter.isKnown;
  const held = new HeldWork({ bus, clock, logger, host, journal, migrations, preparation, proofs, isReady });

  inventory.start();
  link.start();
  // Before commands are taken: a repeated start must find its migration taken up.
  await migrations.takeUp();
  const parts = {
    ...{ link, inventory, journal, fence, migrations, preparation, storage, proofs },
    ...{ config, resolveAddress, hostFiles, clock },
    ...{ knock, libvirt: options.libvirt },
  };
  const servers = await Promise.all([
    bus.serve({ topic: "compute", server: host, handlers: computeHandlers(parts) }),
    bus.serve({ topic: "compute-control", server: host, handlers: computeControlHandlers(parts) }),
  ]);
  reporter.start();
  held.start();
  void reporter.reported.then(() => held.soon());

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all([reporter.stop(), held.stop()]);
    await Promise.all(servers.map((server) => server.close()));
    ended.abort(new DroverError("unavailable", "the agent is stopping"));
    await migrations.settled();
    await inventory.stop();
    await link.stop();
    await journal.settled();
  };
  return {
    reported: reporter.reported,
    pingLibvirt: () => link.ping(),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}
