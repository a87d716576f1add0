import { parseLibvirtUri } from "@drover/libvirt";
import { type Clock, pause } from "@drover/model";
import { withLoad } from "./domain-xml.ts";
import { FaultBoard } from "./fault-board.ts";
import type { HostSpec } from "./host-spec.ts";
import { IscsiTargets } from "./iscsi-targets.ts";
import type { MigrationRequest } from "./migration-request.ts";
import { type LinkSpec, Network } from "./network.ts";
import { cannotConnect, cannotResolve, operationFailed } from "./refusals.ts";
import type { SimulatedGuest } from "./simulated-guest.ts";
import { SimulatedHost } from "./simulated-host.ts";
import { type MigrationTimings, type MigrationWorld, SimulatedMigration } from "./simulated-migration.ts";

const LIBVIRTD_PORT = 16_509;

/** How long a libvirtd tries to reach one behind a link that swallows everything, ms. */
const CONNECT_TIMEOUT_MS = 20_000;

/** How long a stopping fleet waits for its migrations to unwind, ms. */
const STOP_PATIENCE_MS = 2000;

export interface FleetOptions {
  readonly hosts: readonly HostSpec[];
  readonly links: readonly LinkSpec[];
  /** What each link not named in `links` carries, MiB/s. */
  readonly defaultLinkMiBps: number;
  readonly clock: Clock;
  readonly timings: MigrationTimings;
}

/** The hosts, the network between them and the migrations on it; no sockets. */
export class SimulatedFleet implements MigrationWorld {
  readonly clock: Clock;
  readonly network: Network;
  readonly timings: MigrationTimings;
  readonly faults: FaultBoard;
  readonly hosts: ReadonlyMap<string, SimulatedHost>;
  readonly targets = new IscsiTargets();
  readonly #migrations = new Set<SimulatedMigration>();
  readonly #socketPaths = new Map<string, SimulatedHost>();
  #changed: () => void = () => {};
  #hostWentDown: (host: SimulatedHost) => void = () => {};

  constructor(options: FleetOptions) {
    this.clock = options.clock;
    this.timings = options.timings;
    this.network = new Network(options.defaultLinkMiBps, options.links);
    const surroundings = { clock: options.clock, changed: () => this.#changed(), targets: this.targets };
    this.hosts = new Map(options.hosts.map((spec) => [spec.name, new SimulatedHost(spec, surroundings)]));
    this.faults = new FaultBoard(
      this.network,
      (name) => this.host(name),
      (host, up) => this.#setHostUp(host, up),
      (host, runs) => this.#setLibvirtd(host, runs),
    );
  }

  /** @throws {Error} for a name that is not in the fleet: a mistake of the caller, not a refusal of libvirt. */
  host(name: string): SimulatedHost {
    const host = this.hosts.get(name);
    if (host === undefined)
      throw new RangeError(`no simulated host is called "${name}"; there are ${[...this.hosts.keys()].join(", ")}`);
    return host;
  }

  /** Called after every change that a restart must find again. */
  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  onHostDown(listener: (host: SimulatedHost) => void): void {
    this.#hostWentDown = listener;
  }

  /** Makes a host reachable by `qemu+unix:///system?socket=PATH` too, as it is for clients on this machine. */
  listensOn(host: SimulatedHost, socketPath: string): void {
    this.#socketPaths.set(socketPath, host);
  }

  /** Changes how a guest writes to its memory, wherever it runs. */
  setGuestLoad(uuid: string, load: { readonly workingSetMiB?: number; readonly dirtyMiBps?: number }): void {
    for (const host of this.hosts.values()) {
      const guest = host.findByUuid(uuid);
      if (guest === undefined) continue;
      guest.outgoing?.figures();
      host.redescribe(guest, (definition) => withLoad(definition, { ...definition.load, ...load }));
      guest.outgoing?.conditionsChanged();
    }
  }

  async migrate(source: SimulatedHost, guest: SimulatedGuest, request: MigrationRequest): Promise<void> {
    const migration = new SimulatedMigration(this, source, guest, request);
    this.#migrations.add(migration);
    try {
      await migration.run();
    } finally {
      this.#migrations.delete(migration);
      if (guest.outgoing === migration) this.#migrations.add(migration);
      this.#changed();
    }
  }

  async reach(from: SimulatedHost, uri: string): Promise<SimulatedHost> {
    const address = parseLibvirtUri(uri);
    const label = address.transport === "unix" ? address.socketPath : address.host;
    const port = address.transport === "unix" ? LIBVIRTD_PORT : address.port;
    const host =
      address.transport === "unix" ? this.#socketPaths.get(address.socketPath) : this.#byAddress(address.host);
    if (host === undefined) throw cannotResolve(label, port);
    if (!host.up || !from.up) throw cannotConnect(label, port, "No route to host");
    if (!host.libvirtdRuns) throw cannotConnect(label, port, "Connection refused");
    const link = this.network.condition(from.name, host.name);
    if (link === "silent") await this.clock.sleep(CONNECT_TIMEOUT_MS);
    if (link !== "up")
      throw cannotConnect(label, port, link === "silent" ? "Connection timed out" : "Connection refused");
    return host;
  }

  /** Ends every running migration where it is, so that no timer is left. */
  async stop(): Promise<void> {
    const running = [...this.#migrations].filter((migration) => migration.guest.outgoing === migration);
    for (const migration of running) migration.failWith(operationFailed("the simulated fleet is shutting down"));
    const patience = new AbortController();
    const ended = Promise.all(running.map((migration) => migration.ended));
    await Promise.race([ended, pause(this.clock, STOP_PATIENCE_MS, patience.signal)]);
    patience.abort();
  }

  #byAddress(address: string): SimulatedHost | undefined {
    return [...this.hosts.values()].find((host) => host.name === address || host.spec.addresses.includes(address));
  }

  #setLibvirtd(host: SimulatedHost, runs: boolean): void {
    if (host.libvirtdRuns === runs) return;
    host.libvirtdRuns = runs;
    if (runs) return;
    for (const migration of this.#migrations) migration.libvirtdDied(host);
    this.#hostWentDown(host);
  }

  #setHostUp(host: SimulatedHost, up: boolean): void {
    if (host.up === up) return;
    host.up = up;
    if (up) return;
    for (const migration of this.#migrations) {
      if (migration.source === host || migration.destination === host) {
        migration.failWith(operationFailed("Lost connection to destination host"));
      }
    }
    this.#hostWentDown(host);
  }
}
