import { type TypedParam, VIR_DOMAIN_SHUTOFF_REASON, VIR_DOMAIN_STATE } from "@drover/libvirt";
import type { DomainDefinition } from "./domain-xml.ts";
import type { DomainRef } from "./host-event.ts";
import { jobLockTimeout } from "./refusals.ts";
import type { SimulatedMigration } from "./simulated-migration.ts";

/** What libvirt says of a guest without a limit of its own: QEMU_DOMAIN_MIG_BANDWIDTH_MAX, MiB/s (libvirt 9.0). */
export const UNLIMITED_MIBPS = 8_796_093_022_207;

/** QEMU's own downtime limit, ms. */
const DEFAULT_DOWNTIME_MS = 300;

/** A measurement of the dirty rate, or none yet. */
export interface DirtyRateMeasurement {
  readonly startedAtSeconds: number;
  readonly startedAtMs: number;
  readonly seconds: number;
}

/** One definition on one host, running or not: libvirt's domain object. */
export class SimulatedGuest {
  /** What runs, or would run when started. */
  definition: DomainDefinition;
  /** What the next start uses, when it was redefined while running. */
  nextDefinition: DomainDefinition | null = null;
  persistent: boolean;
  autostart = false;
  /** -1 while it does not run. */
  id = -1;
  state: number = VIR_DOMAIN_STATE.VIR_DOMAIN_SHUTOFF;
  reason: number = VIR_DOMAIN_SHUTOFF_REASON.VIR_DOMAIN_SHUTOFF_UNKNOWN;
  maxDowntimeMs = DEFAULT_DOWNTIME_MS;
  maxSpeedMiBps = UNLIMITED_MIBPS;
  /** The migration this guest is the source or the incoming end of. */
  outgoing: SimulatedMigration | null = null;
  incoming: SimulatedMigration | null = null;
  /** Statistics of the last completed job, kept until read without KEEP_COMPLETED. */
  completedJob: readonly TypedParam[] | null = null;
  dirtyRate: DirtyRateMeasurement | null = null;
  startedAtMs = 0;

  constructor(definition: DomainDefinition, persistent: boolean) {
    this.definition = definition;
    this.persistent = persistent;
  }

  get uuid(): string {
    return this.definition.uuid;
  }

  get name(): string {
    return this.definition.name;
  }

  get active(): boolean {
    return this.id !== -1;
  }

  get running(): boolean {
    return this.state === VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING;
  }

  get ref(): DomainRef {
    return { name: this.name, uuid: this.uuid, id: this.id };
  }

  /** The definition a reader of the inactive XML gets. */
  get persistentDefinition(): DomainDefinition {
    return this.nextDefinition ?? this.definition;
  }

  turn(state: number, reason: number): void {
    this.state = state;
    this.reason = reason;
  }

  /**
   * Resolves once no migration holds the guest, as a call does in libvirtd that may not run beside that job.
   *
   * @throws {LibvirtError} VIR_ERR_OPERATION_TIMEOUT after `patienceMs`.
   */
  async withoutJob(patienceMs: number, sleep: (ms: number, signal: AbortSignal) => Promise<void>): Promise<void> {
    const holder = this.outgoing ?? this.incoming;
    if (holder === null) return;
    const stop = new AbortController();
    const inTime = await Promise.race([
      holder.ended.then(() => true),
      sleep(patienceMs, stop.signal).then(
        () => false,
        () => false,
      ),
    ]);
    stop.abort();
    if (!inTime) throw jobLockTimeout("remoteDispatchDomainMigratePerform3Params");
  }
}
