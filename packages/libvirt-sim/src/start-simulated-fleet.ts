import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, dial } from "@drover/libvirt";
import { type Clock, DroverError, type Logger, silentLogger, systemClock } from "@drover/model";
import type { FaultBoard } from "./fault-board.ts";
import { FleetFile, restoreFleet, snapshotFleet } from "./fleet-file.ts";
import { type GuestOptions, guestDefinition } from "./guest-spec.ts";
import { type GuestTruth, truthOf } from "./guest-truth.ts";
import { HostServer } from "./host-server.ts";
import { type HostOptions, hostSpec } from "./host-spec.ts";
import type { TargetAddress } from "./iscsi-targets.ts";
import type { LinkSpec } from "./network.ts";
import { SimulatedFleet } from "./simulated-fleet.ts";
import { DEFAULT_TIMINGS, type MigrationTimings } from "./simulated-migration.ts";

/** Stands in URIs for the folder of a fleet without sockets. */
const NOWHERE = "/simulated";

/** Hosts, guests and the network between them. */
export interface FleetSpec {
  readonly hosts: readonly HostOptions[];
  readonly guests?: readonly GuestOptions[];
  /** Whether guests that say nothing of it have a disk on the network, also those that are added later. @default true */
  readonly networkDisks?: boolean;
  /** What each pair of hosts can carry between them; pairs not named get {@link defaultLinkMiBps}. */
  readonly links?: readonly LinkSpec[];
  /** MiB/s in one direction. @default 1000, about a 10 Gbit/s network */
  readonly defaultLinkMiBps?: number;
}

export interface SimulatedFleetOptions extends FleetSpec {
  /**
   * Folder for the hosts' sockets; made if it is missing. A socket's path must stay under 108 bytes.
   * @default no sockets: {@link RunningFleet.accept} is the only way in
   */
  readonly directory?: string;
  /** Keeps hosts' guests here across restarts. Once the file exists, `guests` is not looked at any more. */
  readonly stateFile?: string;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** @default silent */
  readonly logger?: Logger;
  /** What surrounds the copy itself, ms. @default 20 to connect, 400 to prepare, 10 to confirm */
  readonly timings?: Partial<MigrationTimings>;
  /** Calls a connection may have under way before nothing more is read from it. @default 5, as libvirtd */
  readonly maxClientRequests?: number;
}

/** A running host, as a client needs to know it. */
export interface SimulatedHostHandle {
  readonly name: string;
  readonly uuid: string;
  /** For clients on this machine: `qemu+unix:///system?socket=…`. Another host of the fleet takes it as a destination too. */
  readonly uri: string;
  readonly socketPath: string;
  /** How the fleet's other hosts call it in a peer-to-peer migration: `qemu+tcp://NAME/system`. */
  readonly peerUri: string;
  /** Where it listens on TCP, if it was asked to. */
  readonly tcpPort: number | null;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly cpuModel: string;
}

export interface RunningFleet {
  readonly hosts: readonly SimulatedHostHandle[];
  readonly faults: FaultBoard;
  /** @throws {RangeError} for a name that is not in the fleet. */
  host(name: string): SimulatedHostHandle;
  /** Serves a client of `host` on a stream of its own; cuts it at once while nobody answers there. */
  accept(host: string, stream: Duplex): void;
  /** Opens a stream to a host as another of the fleet does, by its name in `peerUri`; by path as everybody does. */
  readonly dial: NonNullable<ConnectionOptions["dial"]>;
  /** Pauses a guest where it runs, as a person does with `virsh suspend`. */
  suspend(uuid: string): void;
  /** The host's libvirtd would answer a client now. */
  answers(host: string): boolean;
  /** Every definition on every host as it is at this moment, without asking over the protocol. */
  guests(): readonly GuestTruth[];
  /** Defines a guest, and starts it unless it was asked not to. Returns its UUID. */
  addGuest(guest: GuestOptions): string;
  /** Changes how a guest uses its memory, also while it is copied. */
  setGuestLoad(uuid: string, load: { readonly workingSetMiB?: number; readonly dirtyMiBps?: number }): void;
  /** Puts a file on a host's disk, as a person does who copies it there. A pool of that folder sees it at its next refresh. */
  putFile(host: string, path: string, content: Uint8Array): void;
  /** The same under a path that leads elsewhere on every host, also where its folder is shared: a link into a local one. */
  putOwnFile(host: string, path: string, content: Uint8Array): void;
  /**
   * Mounts one storage on a folder of each named host, empty at first.
   *
   * @param storage.knownAsShared libvirt knows its file system as one that hosts share, as it does NFS. @default true
   */
  shareFolders(folders: Readonly<Record<string, string>>, storage?: { readonly knownAsShared?: boolean }): void;
  /** Offers logical units over iSCSI to every host: for pools of type `iscsi-direct`. */
  serveTarget(address: TargetAddress, capacitiesBytes: readonly number[]): void;
  stopTarget(address: TargetAddress): void;
  /** Paths of the files right in a host's folder. */
  filesIn(host: string, folder: string): readonly string[];
  /** A file's content on a host's disk, or undefined if there is none. Files are not in `stateFile`. */
  readFile(host: string, path: string): Buffer | undefined;
  /** Ends migrations where they are, closes every connection and socket, and writes the state file a last time. */
  close(): Promise<void>;
}

/**
 * Starts a fleet of simulated libvirtds, each on a unix socket of its own, and resolves when all of them answer.
 *
 * Nothing of it is left when this rejects. Guests found in `stateFile` are where they were; a migration that was under
 * way when the last process ended is gone, and its guest is where it ran.
 */
export async function startSimulatedFleet(options: SimulatedFleetOptions): Promise<RunningFleet> {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const fleet = new SimulatedFleet({
    hosts: options.hosts.map(hostSpec),
    links: options.links ?? [],
    defaultLinkMiBps: options.defaultLinkMiBps ?? 1000,
    timings: { ...DEFAULT_TIMINGS, ...options.timings },
    clock,
  });
  const file = options.stateFile === undefined ? null : new FleetFile(options.stateFile);
  const saved = (await file?.read()) ?? null;
  const { networkDisks: networkDisk = true } = options;
  const define = (guest: GuestOptions) => addGuest(fleet, { networkDisk, ...guest });
  if (saved === null) for (const guest of options.guests ?? []) define(guest);
  else restoreFleet(fleet, saved);
  if (file !== null) {
    fleet.onChange(() => file.save(() => snapshotFleet(fleet)));
    file.save(() => snapshotFleet(fleet));
  }

  const directory = options.directory ?? NOWHERE;
  if (options.directory !== undefined) await mkdir(directory, { recursive: true });
  const servers = new Map(
    [...fleet.hosts.values()].map((host) => [
      host.name,
      new HostServer(fleet, host, {
        socketPath: join(directory, `${host.name}.sock`),
        keepalive: options.directory !== undefined,
        maxClientRequests: options.maxClientRequests,
        logger: logger.child({ host: host.name }),
      }),
    ]),
  );
  fleet.onHostDown((host) => servers.get(host.name)?.disconnectAll());
  const listening = options.directory === undefined ? [] : [...servers.values()];
  const started = await Promise.allSettled(listening.map((server) => server.listen()));
  const failed = started.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await Promise.all([...servers.values()].map((server) => server.close()));
    throw failed.reason;
  }

  const handles = [...servers.values()].map((server) => server.handle);
  logger.info({ hosts: handles.length, directory }, "Simulated libvirtd fleet is listening");
  return {
    hosts: handles,
    faults: fleet.faults,
    host: (name) => {
      const { name: known } = fleet.host(name);
      return handles.find((handle) => handle.name === known) ?? unreachable(name);
    },
    accept: (name, stream) => (servers.get(fleet.host(name).name) ?? unreachable(name)).accept(stream),
    dial: async (address, dialOptions) => {
      if (address.transport === "unix") return await dial(address, dialOptions);
      const handle = handles.find(({ name }) => name === address.host);
      if (handle === undefined) {
        throw new DroverError("unavailable", `libvirtd at ${address.host} cannot be reached: no host has that name`);
      }
      const { driverUri } = address;
      return await dial({ transport: "unix", driverUri, socketPath: handle.socketPath }, dialOptions);
    },
    suspend: (uuid) => {
      for (const host of fleet.hosts.values()) {
        const guest = host.findByUuid(uuid);
        if (guest?.running) host.suspend(guest);
      }
    },
    answers: (name) => fleet.host(name).answers,
    guests: () => [...fleet.hosts.values()].flatMap((host) => host.guests().map((guest) => truthOf(host, guest))),
    addGuest: define,
    setGuestLoad: (uuid, load) => fleet.setGuestLoad(uuid, load),
    putFile: (host, path, content) => fleet.host(host).files.put(path, content),
    putOwnFile: (host, path, content) => fleet.host(host).files.putOwn(path, content),
    shareFolders: (folders, { knownAsShared = true } = {}) => {
      const storage = { files: new Map(), knownAsShared };
      for (const [host, folder] of Object.entries(folders)) fleet.host(host).files.mount(folder, storage);
    },
    serveTarget: (address, capacitiesBytes) => fleet.targets.serve(address, capacitiesBytes),
    stopTarget: (address) => fleet.targets.stop(address),
    filesIn: (host, folder) => fleet.host(host).files.in(folder),
    readFile: (host, path) => fleet.host(host).files.contentOf(path),
    close: async () => {
      await fleet.stop();
      await Promise.all([...servers.values()].map((server) => server.close()));
      await file?.flush();
    },
  };
}

function addGuest(fleet: SimulatedFleet, options: GuestOptions): string {
  const host = fleet.host(options.host);
  const definition = guestDefinition(options);
  if (options.persistent === false) return host.create(definition, false).uuid;
  const guest = host.define(definition);
  if (options.running !== false) host.start(guest);
  return guest.uuid;
}

function unreachable(name: string): never {
  throw new RangeError(`the simulated host "${name}" has no server`);
}
