import {
  type LibvirtError,
  VIR_DOMAIN_PAUSED_REASON,
  VIR_DOMAIN_RUNNING_REASON,
  VIR_DOMAIN_STATE,
  VIR_MIGRATE,
} from "@drover/libvirt";
import type { Clock } from "@drover/model";
import { DiskCopy } from "./disk-copy.ts";
import type { FileDisk } from "./domain-xml.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { JobFigures } from "./job-statistics.ts";
import { finalFigures, idleFigures, jobParams } from "./job-statistics.ts";
import { LiveCopy } from "./live-copy.ts";
import { type Arrival, arrive, chooseArrival, discard, settle } from "./migration-arrival.ts";
import type { MigrationRequest } from "./migration-request.ts";
import type { Network } from "./network.ts";
import {
  canceledBeforeCopy,
  canceledByClient,
  internalError,
  noPausedPostCopy,
  notRunning,
  notValidNow,
  operationFailed,
  unsafeMigration,
} from "./refusals.ts";
import { type SimulatedGuest, UNLIMITED_MIBPS } from "./simulated-guest.ts";
import type { SimulatedHost } from "./simulated-host.ts";

const BYTES_PER_MIB = 1_048_576;

/** What libvirt and QEMU need around the copy, ms. */
export interface MigrationTimings {
  /** Until the source's libvirtd has reached the destination's. */
  readonly connectMs: number;
  /** Until the destination's QEMU waits for the guest; job statistics are all zeros meanwhile. */
  readonly prepareMs: number;
  /** From the guest's start on the destination to its end on the source. */
  readonly confirmMs: number;
}

export const DEFAULT_TIMINGS: MigrationTimings = { connectMs: 20, prepareMs: 400, confirmMs: 10 };

/** The fleet around a migration. */
export interface MigrationWorld {
  readonly clock: Clock;
  readonly network: Network;
  readonly faults: FaultBoard;
  readonly timings: MigrationTimings;
  /** The host that a URI leads to. @throws {LibvirtError} when it cannot be reached. */
  reach(from: SimulatedHost, uri: string): Promise<SimulatedHost>;
}

/**
 * One peer-to-peer migration as libvirtd runs it: reach the destination, let it prepare, copy, switch over, confirm.
 *
 * It is the guest's job on the source from the call until the call is answered, and the incoming job on the
 * destination while a guest waits there. Only after the switch-over is the source's guest stopped for good; any failure
 * before it leaves the guest on the source in the state it had, and the destination empty.
 *
 * In post-copy there is no way back: a broken link leaves memory on both hosts and this job in place, until
 * {@link resumePostCopy} goes on.
 */
export class SimulatedMigration {
  readonly request: MigrationRequest;
  readonly source: SimulatedHost;
  readonly guest: SimulatedGuest;
  readonly ended: Promise<void>;
  readonly #world: MigrationWorld;
  readonly #startedAtMs: number;
  readonly #wasRunning: boolean;
  #markEnded: () => void = () => {};
  #copy: LiveCopy | null = null;
  #arrival: Arrival | null = null;
  #disks: DiskCopy | null = null;
  readonly #copiedFiles: readonly FileDisk[];
  #abortedEarly = false;
  #failure: LibvirtError | null = null;
  #stoppedAtMs: number | null = null;
  #lastFigures: JobFigures | null = null;
  #moved = false;
  /** The source's libvirtd died before it knew that the destination had started the guest. */
  #unconfirmed = false;

  constructor(world: MigrationWorld, source: SimulatedHost, guest: SimulatedGuest, request: MigrationRequest) {
    if (!guest.active) throw notRunning();
    mustBeSafe(source, guest, request);
    if (asks(request, VIR_MIGRATE.VIR_MIGRATE_POSTCOPY) && !guest.running) throw noPausedPostCopy();
    this.#world = world;
    this.source = source;
    this.guest = guest;
    this.request = request;
    this.#copiedFiles = copiedFiles(guest, request);
    this.#startedAtMs = world.clock.monotonicMs();
    this.#wasRunning = guest.running;
    this.ended = new Promise((resolve) => {
      this.#markEnded = resolve;
    });
  }

  get destination(): SimulatedHost | null {
    return this.#arrival?.host ?? null;
  }

  /** True from the moment the guest runs on the destination, while its old self is still being ended. */
  get guestHasMoved(): boolean {
    return this.#moved;
  }

  /** True when the source keeps a definition of the guest after a completed migration. */
  get keepsDefinition(): boolean {
    return this.guest.persistent && !asks(this.request, VIR_MIGRATE.VIR_MIGRATE_UNDEFINE_SOURCE);
  }

  get inPostCopy(): boolean {
    return this.#copy?.inPostCopy ?? false;
  }

  /** Runs to its end; rejects with what libvirtd would answer. The guest is then on the source unless post-copy broke. */
  async run(): Promise<void> {
    this.guest.outgoing = this;
    try {
      await this.#untilCopied();
      await this.#confirm();
    } catch (error) {
      if (this.inPostCopy && this.#arrival !== null) this.#breakPostCopy(this.#arrival);
      else if (!this.#unconfirmed) this.#rollBack();
      throw error;
    } finally {
      if (!this.inPostCopy || this.#arrival === null) this.#finish();
    }
  }

  /** Goes on after a post-copy failure, as a second call with VIR_MIGRATE_POSTCOPY_RESUME does. */
  async resumePostCopy(): Promise<void> {
    const arrival = this.#arrival;
    const copy = this.#copy;
    if (arrival === null || copy === null || !this.#broken()) {
      throw notValidNow(
        this.inPostCopy
          ? `post-copy migration of domain ${this.guest.name} has not failed`
          : `migration of domain ${this.guest.name} is not in post-copy phase`,
      );
    }
    await this.#world.reach(this.source, this.request.destinationUri);
    this.#failure = null;
    this.guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_POSTCOPY);
    arrive(arrival, "post-copy");
    try {
      await copy.pullRest();
      await this.#confirm();
      this.#finish();
    } catch (error) {
      this.#breakPostCopy(arrival);
      throw error;
    }
  }

  /** What the destination waits for while its guest is incoming. */
  failWith(error: LibvirtError): void {
    this.#failure ??= error;
    this.#disks?.failWith(error);
    this.#copy?.failWith(error);
  }

  /**
   * The libvirtd of one end is gone, and the connection between the two with it. As libvirt 9.0 has it:
   *
   * - Before the guest runs on the destination, the destination kills what it was taking in, at the loss of the
   *   connection or when it starts again (phase PREPARE), and the source's guest goes on (PERFORM3: cancelled, and resumed).
   * - After that, until it was confirmed, a source that starts again does not know the result of the finish: the guest
   *   stays there paused for migration, without a job (PERFORM3_DONE: "third party needs to check what to do next").
   * - In post-copy QEMU goes on by itself, and libvirt finishes what it finds finished (since 8.5).
   */
  libvirtdDied(host: SimulatedHost): void {
    if (this.inPostCopy || (host !== this.source && host !== this.destination)) return;
    if (!this.#moved) this.failWith(operationFailed("Lost connection to destination host"));
    else if (host === this.source) this.#unconfirmed = true;
  }

  /** `virDomainAbortJob`: accepted at once, effective when the copy stops; too late once the guest is switching over. */
  abort(): void {
    if (this.#copy === null) this.#abortedEarly = true;
    this.#disks?.failWith(canceledByClient());
    this.#copy?.abort();
  }

  /** `virDomainMigrateStartPostCopy` */
  startPostCopy(): void {
    if (!asks(this.request, VIR_MIGRATE.VIR_MIGRATE_POSTCOPY)) {
      throw notValidNow("switching to post-copy requires migration to be started with VIR_MIGRATE_POSTCOPY flag");
    }
    if (this.#copy === null) {
      throw internalError(
        "unable to execute QEMU command 'migrate-start-postcopy': Postcopy must be started after migration has been started",
      );
    }
    this.#copy.startPostCopy();
  }

  /** The guest was suspended, its limits or its load changed: what the copy reckons with is no longer true. */
  conditionsChanged(): void {
    if (!this.guest.running) this.#stoppedAtMs ??= this.#world.clock.monotonicMs();
    this.#copy?.conditionsChanged();
  }

  /** Statistics of the running job. */
  figures(): JobFigures {
    const elapsedMs = this.#elapsedMs();
    return this.#withDisks(this.#copy === null ? idleFigures(elapsedMs) : this.#copy.figures(elapsedMs));
  }

  async #untilCopied(): Promise<void> {
    const { clock, timings } = this.#world;
    if (!asks(this.request, VIR_MIGRATE.VIR_MIGRATE_LIVE) && this.guest.running) this.#stopGuest(false);
    await clock.sleep(timings.connectMs);
    const destination = await this.#world.reach(this.source, this.request.destinationUri);
    const arrival = chooseArrival(this, destination);
    this.#arrival = arrival;
    await clock.sleep(timings.prepareMs);
    if (this.#failure !== null) throw this.#failure;
    destination.emitLifecycle(arrival.guest, "startedMigrated");
    arrival.guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_MIGRATION);
    if (this.#abortedEarly) throw canceledBeforeCopy();
    await this.#copyDisks(destination);
    this.#copy = new LiveCopy(this.#world, {
      guest: this.guest,
      from: this.source.name,
      to: destination.name,
      request: this.request,
      passed: (iteration) => this.source.emit({ kind: "migration-iteration", dom: this.guest.ref, iteration }),
    });
    const decision = await this.#copy.run();
    await this.#switchOver(this.#copy, arrival, decision);
  }

  /** libvirt mirrors the disks first; memory moves once they are the same. */
  async #copyDisks(destination: SimulatedHost): Promise<void> {
    if (this.#copiedFiles.length === 0) return;
    this.#disks = new DiskCopy(this.#world, {
      from: this.source.name,
      to: destination.name,
      disks: this.#copiedFiles.map(({ path }) => destination.takeInDisk(path, this.source)),
      limitBytesPerMs: () => (Math.min(this.guest.maxSpeedMiBps, UNLIMITED_MIBPS) * BYTES_PER_MIB) / 1000,
    });
    const { bandwidthMiBps } = this.request;
    if (bandwidthMiBps !== null) this.guest.maxSpeedMiBps = bandwidthMiBps;
    await this.#disks.run();
  }

  #withDisks(figures: JobFigures): JobFigures {
    const disks = this.#disks?.figures();
    return disks === undefined
      ? figures
      : { ...figures, diskTotal: disks.totalBytes, diskProcessed: disks.processedBytes };
  }

  async #switchOver(copy: LiveCopy, arrival: Arrival, decision: "switch-over" | "post-copy"): Promise<void> {
    const postCopy = decision === "post-copy";
    this.#stopGuest(postCopy);
    copy.guestStopped(decision);
    await this.#world.clock.sleep(copy.standstillMs());
    // Whatever went wrong while the guest stood still is found now: after this it runs on the destination.
    if (this.#failure !== null) throw this.#failure;
    const death = this.#world.faults.takeSwitchOverDeath(this.guest);
    if (death !== null) this.#die(arrival, death.dies, death.guestEndsOn);
    if (!postCopy) copy.finish();
    const stoppedMs = this.#world.clock.monotonicMs() - (this.#stoppedAtMs ?? this.#world.clock.monotonicMs());
    this.#moved = true;
    settle(arrival, this.request);
    const starts = this.#wasRunning && !asks(this.request, VIR_MIGRATE.VIR_MIGRATE_PAUSED);
    arrive(arrival, postCopy ? "post-copy" : starts ? "running" : "paused");
    if (postCopy) await copy.pullRest();
    this.#lastFigures = finalFigures(this.figures(), this.#elapsedMs(), stoppedMs);
  }

  /** The guest runs on the destination: its old self ends, and the job with it. */
  async #confirm(): Promise<void> {
    const { guest, source } = this;
    const arrival = this.#arrival;
    const postCopy = this.inPostCopy;
    if (arrival !== null && postCopy) arrive(arrival, "post-copy-done");
    const figures = this.#lastFigures ?? this.figures();
    const final = finalFigures(figures, this.#elapsedMs(), figures.downtimeMs ?? 0);
    // After post-copy the destination has no statistics worth keeping (qemuMigrationDstComplete, libvirt 9.0).
    if (arrival !== null) {
      arrival.guest.incoming = null;
      arrival.guest.completedJob = postCopy ? null : jobParams(final, { completed: true, operation: "in" });
      this.#arrival = null;
    }
    await this.#world.clock.sleep(this.#world.timings.confirmMs);
    if (this.#unconfirmed) throw operationFailed("the result of the migration is not known");
    source.endMigrated(
      guest,
      jobParams(final, { completed: true, operation: "out" }),
      asks(this.request, VIR_MIGRATE.VIR_MIGRATE_UNDEFINE_SOURCE),
    );
  }

  #rollBack(): void {
    if (this.#arrival !== null) discard(this.#arrival);
    this.#arrival = null;
    const stopped = this.guest.active && !this.guest.running;
    if (this.#wasRunning && stopped) {
      this.guest.turn(
        VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING,
        VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_MIGRATION_CANCELED,
      );
      this.source.emitLifecycle(this.guest, "resumedUnpaused");
    }
  }

  #breakPostCopy(arrival: Arrival): void {
    this.guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED);
    this.source.emitLifecycle(this.guest, "suspendedPostCopyFailed");
    arrive(arrival, "post-copy-failed");
  }

  #broken(): boolean {
    return this.guest.reason === VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED;
  }

  /** A host dies while the guest stands still: what the other one makes of it is the fault's to say. */
  #die(arrival: Arrival, dies: "source" | "destination", guestEndsOn: "source" | "destination"): void {
    if (guestEndsOn === "destination") {
      this.#moved = true;
      settle(arrival, this.request);
      arrive(arrival, "running");
      arrival.guest.incoming = null;
      this.#arrival = null;
      this.source.endMigrated(this.guest, null, asks(this.request, VIR_MIGRATE.VIR_MIGRATE_UNDEFINE_SOURCE));
    }
    this.#world.faults.hostDied(dies === "source" ? this.source : arrival.host);
    throw operationFailed("Lost connection to destination host");
  }

  /** libvirt tells of QEMU's stop first, and of post-copy when QEMU says so. */
  #stopGuest(postCopy: boolean): void {
    const { VIR_DOMAIN_PAUSED_MIGRATION, VIR_DOMAIN_PAUSED_POSTCOPY } = VIR_DOMAIN_PAUSED_REASON;
    this.#stoppedAtMs ??= this.#world.clock.monotonicMs();
    if (this.guest.running) {
      this.guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION);
      this.source.emitLifecycle(this.guest, "suspendedMigrated");
    }
    if (!postCopy) return;
    this.guest.turn(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY);
    this.source.emitLifecycle(this.guest, "suspendedPostCopy");
  }

  #finish(): void {
    this.#copy?.leave();
    this.guest.outgoing = null;
    this.#markEnded();
  }

  #elapsedMs(): number {
    return this.#world.clock.monotonicMs() - this.#startedAtMs;
  }
}

/** What of a call decides about the guest's disks. */
type DiskRequest = Pick<MigrationRequest, "flags" | "migrateDisks">;

/**
 * Every writable file is copied, or on a file system that libvirt knows as shared (`qemuMigrationSrcIsSafe`, 9.0.0).
 *
 * @throws {LibvirtError} VIR_ERR_MIGRATE_UNSAFE
 */
export function mustBeSafe(source: SimulatedHost, guest: SimulatedGuest, request: DiskRequest): void {
  if (asks(request, VIR_MIGRATE.VIR_MIGRATE_UNSAFE)) return;
  const copied = copiedFiles(guest, request);
  const staying = guest.definition.fileDisks.filter((disk) => disk.writable && !copied.includes(disk));
  if (staying.some(({ path }) => !source.files.knownAsShared(path))) throw unsafeMigration();
}

/** Of the guest's writable files those that the call has copied: those it names, or all of them when it names none. */
function copiedFiles({ definition }: SimulatedGuest, request: DiskRequest): readonly FileDisk[] {
  const { migrateDisks } = request;
  if (!asks(request, VIR_MIGRATE.VIR_MIGRATE_NON_SHARED_DISK | VIR_MIGRATE.VIR_MIGRATE_NON_SHARED_INC)) return [];
  const writable = definition.fileDisks.filter((disk) => disk.writable);
  return writable.filter(({ target }) => migrateDisks === null || migrateDisks.includes(target));
}

function asks(request: Pick<MigrationRequest, "flags">, flags: number): boolean {
  return (request.flags & flags) !== 0;
}
