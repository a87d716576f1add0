import { posix } from "node:path";
import {
  type TypedParam,
  VIR_DOMAIN_PAUSED_REASON,
  VIR_DOMAIN_RUNNING_REASON,
  VIR_DOMAIN_SHUTOFF_REASON,
  VIR_DOMAIN_STATE,
  VIR_FROM,
} from "@drover/libvirt";
import type { Clock } from "@drover/model";
import type { CopiedDisk } from "./disk-copy.ts";
import type { DomainDefinition } from "./domain-xml.ts";
import type { HostEvent, LifecycleName } from "./host-event.ts";
import { HostFiles } from "./host-files.ts";
import type { HostSpec } from "./host-spec.ts";
import type { IscsiTargets } from "./iscsi-targets.ts";
import {
  internalError,
  noDomainById,
  noDomainByName,
  noDomainByUuid,
  notValidNow,
  operationFailed,
} from "./refusals.ts";
import { SimulatedGuest } from "./simulated-guest.ts";
import { StoragePools } from "./storage-pools.ts";

const STOPPED = {
  shutdown: { reason: VIR_DOMAIN_SHUTOFF_REASON.VIR_DOMAIN_SHUTOFF_SHUTDOWN, change: "stoppedShutdown" },
  destroyed: { reason: VIR_DOMAIN_SHUTOFF_REASON.VIR_DOMAIN_SHUTOFF_DESTROYED, change: "stoppedDestroyed" },
  failed: { reason: VIR_DOMAIN_SHUTOFF_REASON.VIR_DOMAIN_SHUTOFF_FAILED, change: "stoppedFailed" },
} as const;

export interface HostSurroundings {
  readonly clock: Clock;
  /** Called after anything that a restart must find again. */
  readonly changed: () => void;
  /** What any host can reach over the network. */
  readonly targets: IscsiTargets;
}

/**
 * One host: its guests, and what libvirtd's QEMU driver does with them. Every method refuses as libvirtd 9.0 does, with
 * a LibvirtError, and changes nothing then.
 */
export class SimulatedHost {
  readonly spec: HostSpec;
  readonly files = new HostFiles();
  readonly pools: StoragePools;
  readonly #surroundings: HostSurroundings;
  readonly #guests = new Map<string, SimulatedGuest>();
  readonly #listeners = new Set<(event: HostEvent) => void>();
  #lastId = 0;
  #up = true;
  #libvirtdRuns = true;

  constructor(spec: HostSpec, surroundings: HostSurroundings) {
    this.spec = spec;
    this.pools = new StoragePools(this.files, surroundings.targets);
    this.#surroundings = surroundings;
  }

  get name(): string {
    return this.spec.name;
  }

  get uuid(): string {
    return this.spec.uuid;
  }

  /** False while the machine is unreachable: nobody connects, nothing arrives; its guests are as they were. */
  get up(): boolean {
    return this.#up;
  }

  set up(up: boolean) {
    this.#up = up;
  }

  /** Clients are answered: the machine is there, and libvirtd runs on it. */
  get answers(): boolean {
    return this.#up && this.#libvirtdRuns;
  }

  get libvirtdRuns(): boolean {
    return this.#libvirtdRuns;
  }

  /** Ends or starts libvirtd alone; its guests run on. What it keeps in memory alone is lost. */
  set libvirtdRuns(runs: boolean) {
    this.#libvirtdRuns = runs;
    if (runs) return;
    for (const guest of this.#guests.values()) {
      guest.completedJob = null;
      guest.dirtyRate = null;
    }
  }

  guests(): SimulatedGuest[] {
    return [...this.#guests.values()];
  }

  findByUuid(uuid: string): SimulatedGuest | undefined {
    return this.#guests.get(uuid);
  }

  byUuid(uuid: string, name?: string): SimulatedGuest {
    const guest = this.#guests.get(uuid);
    if (guest === undefined) throw noDomainByUuid(uuid, name);
    return guest;
  }

  byName(name: string): SimulatedGuest {
    const guest = this.guests().find((candidate) => candidate.name === name);
    if (guest === undefined) throw noDomainByName(name);
    return guest;
  }

  byId(id: number): SimulatedGuest {
    const guest = this.guests().find((candidate) => candidate.id === id);
    if (guest === undefined) throw noDomainById(id);
    return guest;
  }

  get usedMemoryKiB(): number {
    return this.guests().reduce((sum, guest) => sum + (guest.active ? guest.definition.memoryKiB : 0), 0);
  }

  get freeMemoryKiB(): number {
    return Math.max(0, this.spec.memoryMiB * 1024 - this.usedMemoryKiB);
  }

  listen(listener: (event: HostEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: HostEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  emitLifecycle(guest: SimulatedGuest, change: LifecycleName): void {
    this.emit({ kind: "lifecycle", dom: guest.ref, change });
    this.#surroundings.changed();
  }

  /** Adds a permanent definition, or replaces that of the guest with the same name and UUID. */
  define(definition: DomainDefinition): SimulatedGuest {
    const known = this.#sameGuest(definition);
    if (known === undefined) {
      const guest = new SimulatedGuest(definition, true);
      this.#guests.set(guest.uuid, guest);
      this.emitLifecycle(guest, "definedAdded");
      return guest;
    }
    const wasPersistent = known.persistent;
    known.persistent = true;
    if (known.active) known.nextDefinition = definition;
    else known.definition = definition;
    this.emitLifecycle(known, wasPersistent ? "definedUpdated" : "definedAdded");
    return known;
  }

  undefine(guest: SimulatedGuest): void {
    if (!guest.persistent) throw notValidNow("cannot undefine transient domain");
    guest.persistent = false;
    guest.nextDefinition = null;
    this.emitLifecycle(guest, "undefinedRemoved");
    this.#forgetIfGone(guest);
  }

  /** Starts a transient guest (`virsh create`). */
  create(definition: DomainDefinition, paused: boolean): SimulatedGuest {
    const known = this.#sameGuest(definition);
    if (known?.active) throw notValidNow(`domain '${known.name}' is already active`, VIR_FROM.VIR_FROM_DOMAIN);
    this.checkRoomFor(definition);
    const guest = this.takeIn(definition);
    this.#boot(guest, paused);
    return guest;
  }

  start(guest: SimulatedGuest, paused = false): void {
    if (guest.active) throw notValidNow("domain is already running");
    const definition = guest.persistentDefinition;
    this.checkRoomFor(definition);
    this.pools.mustHave(definition.volumes);
    guest.definition = definition;
    guest.nextDefinition = null;
    guest.id = ++this.#lastId;
    this.#boot(guest, paused);
  }

  suspend(guest: SimulatedGuest): void {
    this.#mustRun(guest);
    if (guest.state === VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED) return;
    const { VIR_DOMAIN_PAUSED_MIGRATION, VIR_DOMAIN_PAUSED_USER } = VIR_DOMAIN_PAUSED_REASON;
    const migrating = guest.outgoing !== null;
    // The copy settles what the guest dirtied until now before it learns that it stopped.
    guest.outgoing?.figures();
    guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, migrating ? VIR_DOMAIN_PAUSED_MIGRATION : VIR_DOMAIN_PAUSED_USER);
    this.emitLifecycle(guest, migrating ? "suspendedMigrated" : "suspendedPaused");
    guest.outgoing?.conditionsChanged();
  }

  resume(guest: SimulatedGuest): void {
    this.#mustRun(guest);
    if (guest.running) throw notValidNow("domain is already running");
    guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_UNPAUSED);
    this.emitLifecycle(guest, "resumedUnpaused");
  }

  shutdown(guest: SimulatedGuest): void {
    this.#mustRun(guest);
    if (!guest.running) throw notValidNow("domain is not running");
    this.emitLifecycle(guest, "shutdownGuest");
    this.stop(guest, "shutdown");
  }

  destroy(guest: SimulatedGuest): void {
    this.#mustRun(guest);
    guest.outgoing?.failWith(operationFailed("domain is not running"));
    guest.incoming?.failWith(operationFailed("job 'migration out' failed: Unable to write to socket: Broken pipe"));
    // QEMU ends on a signal, and says so before it is gone.
    this.emitLifecycle(guest, "shutdownHost");
    this.stop(guest, "destroyed");
  }

  /** Ends a running guest; one without a permanent definition is gone afterwards. */
  stop(guest: SimulatedGuest, why: keyof typeof STOPPED): void {
    const { reason, change } = STOPPED[why];
    this.#turnOff(guest, reason, change);
    this.#forgetIfGone(guest);
  }

  /** The source's last act: its guest runs elsewhere now. Without `params` the job never completed (its host died). */
  endMigrated(guest: SimulatedGuest, params: readonly TypedParam[] | null, undefine: boolean): void {
    if (guest.active) this.#turnOff(guest, VIR_DOMAIN_SHUTOFF_REASON.VIR_DOMAIN_SHUTOFF_MIGRATED, "stoppedMigrated");
    if (params !== null) {
      guest.completedJob = params;
      this.emit({ kind: "job-completed", dom: guest.ref, params });
    }
    // libvirt 9.0 sends no "undefined" event for VIR_MIGRATE_UNDEFINE_SOURCE.
    if (undefine) guest.persistent = false;
    this.#forgetIfGone(guest);
  }

  /** @throws {LibvirtError} VIR_ERR_INTERNAL_ERROR, as when QEMU cannot allocate the guest's memory. */
  checkRoomFor(definition: DomainDefinition): void {
    if (definition.memoryKiB <= this.freeMemoryKiB) return;
    throw internalError(
      "process exited while connecting to monitor: qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
    );
  }

  /** Makes a running object of a definition: the state is the caller's to set. */
  takeIn(definition: DomainDefinition): SimulatedGuest {
    const known = this.#sameGuest(definition);
    if (known?.active) throw notValidNow(`domain '${known.name}' is already active`, VIR_FROM.VIR_FROM_DOMAIN);
    const guest = known ?? new SimulatedGuest(definition, false);
    if (known !== undefined) known.nextDefinition = known.definition;
    guest.definition = definition;
    guest.id = ++this.#lastId;
    guest.startedAtMs = this.#surroundings.clock.monotonicMs();
    guest.completedJob = null;
    this.#guests.set(guest.uuid, guest);
    return guest;
  }

  /**
   * The file that a disk of a guest from `source` is copied into: the one that is there, or one that libvirt makes where an
   * active pool has its folder (`qemuMigrationDstPrecreateDisk`, 9.0.0).
   */
  takeInDisk(path: string, source: SimulatedHost): CopiedDisk {
    const from = source.files.get(path);
    if (from === undefined) throw internalError(`unable to open '${path}': No such file or directory`);
    const there = this.files.get(path);
    if (there !== undefined) return { from, to: there };
    const pool = this.pools.byTargetPath(posix.dirname(path));
    const name = posix.basename(path);
    const { file: to } = this.pools.createVolume(pool, {
      name,
      format: from.format,
      capacityBytes: from.capacityBytes,
    });
    if (to === null) throw internalError(`'${path}' is a directory`);
    return { from, to };
  }

  /** Changes what does not matter to the machine in all of a guest's definitions: metadata, its simulated load. */
  redescribe(guest: SimulatedGuest, change: (definition: DomainDefinition) => DomainDefinition): void {
    guest.definition = change(guest.definition);
    if (guest.nextDefinition !== null) guest.nextDefinition = change(guest.nextDefinition);
    this.#surroundings.changed();
  }

  /** Drops a guest without a word to anyone, as if libvirtd had lost its definition: a fault. */
  forget(uuid: string): void {
    this.#guests.delete(uuid);
    this.#surroundings.changed();
  }

  /** Puts a guest of a saved fleet back. */
  restore(guest: SimulatedGuest, running: boolean): void {
    if (running) guest.id = ++this.#lastId;
    guest.startedAtMs = this.#surroundings.clock.monotonicMs();
    this.#guests.set(guest.uuid, guest);
  }

  #boot(guest: SimulatedGuest, paused: boolean): void {
    guest.startedAtMs = this.#surroundings.clock.monotonicMs();
    const { VIR_DOMAIN_PAUSED, VIR_DOMAIN_RUNNING } = VIR_DOMAIN_STATE;
    if (paused) guest.turn(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_USER);
    else guest.turn(VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_BOOTED);
    // QEMU starts stopped and is resumed, and libvirt tells of both, in this order.
    if (!paused) this.emitLifecycle(guest, "resumedUnpaused");
    this.emitLifecycle(guest, "startedBooted");
    if (paused) this.emitLifecycle(guest, "suspendedPaused");
  }

  #turnOff(guest: SimulatedGuest, reason: number, change: LifecycleName): void {
    guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_SHUTOFF, reason);
    guest.id = -1;
    guest.dirtyRate = null;
    guest.definition = guest.persistentDefinition;
    guest.nextDefinition = null;
    this.emitLifecycle(guest, change);
  }

  #forgetIfGone(guest: SimulatedGuest): void {
    if (!guest.persistent && !guest.active) this.#guests.delete(guest.uuid);
    this.#surroundings.changed();
  }

  #mustRun(guest: SimulatedGuest): void {
    if (!guest.active) throw notValidNow("domain is not running", VIR_FROM.VIR_FROM_DOMAIN);
  }

  /** The guest that a definition means, if there is one; a name or UUID shared with another guest is refused. */
  #sameGuest(definition: DomainDefinition): SimulatedGuest | undefined {
    const { VIR_FROM_DOMAIN } = VIR_FROM;
    const byUuid = this.#guests.get(definition.uuid);
    if (byUuid !== undefined) {
      if (byUuid.name === definition.name) return byUuid;
      throw operationFailed(`domain '${byUuid.name}' is already defined with uuid ${byUuid.uuid}`, VIR_FROM_DOMAIN);
    }
    const byName = this.guests().find((guest) => guest.name === definition.name);
    if (byName === undefined) return undefined;
    throw operationFailed(`domain '${byName.name}' already exists with uuid ${byName.uuid}`, VIR_FROM_DOMAIN);
  }
}
