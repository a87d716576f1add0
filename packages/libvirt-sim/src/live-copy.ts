import type { LibvirtError } from "@drover/libvirt";
import type { Clock } from "@drover/model";
import {
  advanceCopy,
  beginCopy,
  type CopyConditions,
  type CopyState,
  finishCopy,
  lastSync,
  nextSyncMs,
  standstillMs,
  syncCopy,
} from "./copy-model.ts";
import { copyFigures, type JobFigures } from "./job-statistics.ts";
import { DEVICE_MEMORY_MIB, PAGES_PER_MIB } from "./memory-load.ts";
import type { MigrationRequest } from "./migration-request.ts";
import type { Network, Transfer } from "./network.ts";
import { canceledByClient, operationFailed } from "./refusals.ts";
import { type SimulatedGuest, UNLIMITED_MIBPS } from "./simulated-guest.ts";

const BYTES_PER_MIB = 1_048_576;

/** Until libvirtd's keepalive gives a silent connection up: five seconds, five times, and the first interval. */
const SILENT_LINK_MS = 30_000;

/** QEMU's own setup before the first pass, ms. */
const SETUP_MS = 4;

export interface LiveCopyOptions {
  readonly guest: SimulatedGuest;
  readonly from: string;
  readonly to: string;
  readonly request: MigrationRequest;
  /** A look at the dirty log: QEMU's MIGRATION_PASS event. */
  readonly passed: (iteration: number) => void;
}

/**
 * Runs the copy model in time: settles it to *now* whenever somebody looks or something changes, and otherwise sleeps
 * until the next sync. One timer for each running copy, none for a guest that stays.
 */
export class LiveCopy implements Transfer {
  readonly from: string;
  readonly to: string;
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #options: LiveCopyOptions;
  #state: CopyState;
  #bytesPerMs = 0;
  #conditions: CopyConditions;
  #wake = new AbortController();
  #postCopyAsked = false;
  #decided = false;
  #failure: LibvirtError | null = null;

  constructor(world: { readonly clock: Clock; readonly network: Network }, options: LiveCopyOptions) {
    this.#clock = world.clock;
    this.#network = world.network;
    this.#options = options;
    this.from = options.from;
    this.to = options.to;
    this.#state = beginCopy(options.guest.definition.load, this.#clock.monotonicMs());
    this.#conditions = this.#currentConditions();
    if (options.request.bandwidthMiBps !== null) options.guest.maxSpeedMiBps = options.request.bandwidthMiBps;
  }

  get inPostCopy(): boolean {
    return this.#state.phase === "post-copy";
  }

  /** Copies until the guest must be stopped: to switch over, or to go on in post-copy. */
  async run(): Promise<"switch-over" | "post-copy"> {
    this.#network.join(this);
    this.#options.passed(this.#state.iteration);
    for (;;) {
      this.#throwIfFailed();
      if (this.#postCopyAsked) return "post-copy";
      const syncAtMs = nextSyncMs(this.#state, this.#conditions);
      if (syncAtMs > this.#clock.monotonicMs()) {
        await this.#sleepUntil(syncAtMs);
        continue;
      }
      if (this.#sync(syncAtMs) === "switch-over") {
        this.#decided = true;
        return "switch-over";
      }
    }
  }

  /** In post-copy: resolves when the last page has arrived. */
  async pullRest(): Promise<void> {
    this.#failure = null;
    this.#network.join(this);
    for (;;) {
      this.#throwIfFailed();
      const endMs = nextSyncMs(this.#state, this.#conditions);
      if (endMs <= this.#clock.monotonicMs()) break;
      await this.#sleepUntil(endMs);
    }
    this.finish();
  }

  /** The guest has been stopped for `phase`: QEMU looks at the dirty log for the last time. */
  guestStopped(phase: "switch-over" | "post-copy"): void {
    this.#settle();
    this.#state = lastSync(this.#state, this.#conditions, phase);
    this.#options.passed(this.#state.iteration);
    this.#network.leave(this);
  }

  /** How long the switch-over keeps the guest standing still, ms. */
  standstillMs(): number {
    const floor = Math.max(1, this.#network.capacityBytesPerMs(this.from, this.to));
    return standstillMs(this.#state, { ...this.#conditions, linkBytesPerMs: floor });
  }

  finish(): void {
    this.#state = finishCopy(this.#state, this.#clock.monotonicMs());
    this.leave();
  }

  leave(): void {
    this.#network.leave(this);
  }

  abort(): void {
    if (!this.#decided && !this.inPostCopy) this.failWith(canceledByClient());
  }

  failWith(error: LibvirtError): void {
    this.#failure ??= error;
    this.#wakeUp();
  }

  startPostCopy(): void {
    this.#postCopyAsked = true;
    this.#wakeUp();
  }

  conditionsChanged(): void {
    this.#settle();
    this.#conditions = this.#currentConditions();
    this.#network.limitChanged(this);
  }

  limitBytesPerMs(): number {
    const { guest, request } = this.#options;
    const limitMiBps = this.inPostCopy ? (request.postCopyBandwidthMiBps ?? UNLIMITED_MIBPS) : guest.maxSpeedMiBps;
    return limitMiBps >= UNLIMITED_MIBPS ? Number.POSITIVE_INFINITY : (limitMiBps * BYTES_PER_MIB) / 1000;
  }

  shareChanged(bytesPerMs: number): void {
    this.#settle();
    this.#bytesPerMs = bytesPerMs;
    this.#conditions = this.#currentConditions();
    this.#wakeUp();
  }

  connectionReset(): void {
    const why = this.inPostCopy
      ? "job 'migration out' failed in post-copy phase"
      : "job 'migration out' failed: Unable to write to socket: Connection reset by peer";
    this.failWith(operationFailed(why));
  }

  figures(elapsedMs: number): JobFigures {
    this.#settle();
    const totalPages = (this.#options.guest.definition.load.memoryMiB + DEVICE_MEMORY_MIB) * PAGES_PER_MIB;
    return copyFigures(this.#state, this.#conditions, { elapsedMs, setupMs: SETUP_MS, totalPages });
  }

  #sync(atMs: number): CopyState["phase"] {
    this.#state = syncCopy(advanceCopy(this.#state, this.#conditions, atMs), this.#conditions);
    this.#options.passed(this.#state.iteration);
    return this.#state.phase;
  }

  /** Brings the state up to now, but not past a sync that is due: its moment decides what the next pass holds. */
  #settle(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#state = advanceCopy(
      this.#state,
      this.#conditions,
      Math.min(nowMs, nextSyncMs(this.#state, this.#conditions)),
    );
  }

  #throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async #sleepUntil(untilMs: number): Promise<void> {
    const silent = !Number.isFinite(untilMs);
    const waitMs = silent ? SILENT_LINK_MS : Math.max(0, untilMs - this.#clock.monotonicMs());
    const { signal } = this.#wake;
    try {
      await this.#clock.sleep(waitMs, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      return;
    }
    if (silent) this.#failure ??= operationFailed("Lost connection to destination host");
  }

  #wakeUp(): void {
    const sleeper = this.#wake;
    this.#wake = new AbortController();
    sleeper.abort();
  }

  #currentConditions(): CopyConditions {
    const { guest, request } = this.#options;
    const linkBytesPerMs = this.#network.capacityBytesPerMs(this.from, this.to);
    return {
      load: guest.definition.load,
      running: guest.running,
      bytesPerMs: this.#bytesPerMs,
      linkBytesPerMs,
      limited: this.limitBytesPerMs() < linkBytesPerMs,
      downtimeLimitMs: guest.maxDowntimeMs,
      autoConverge: request.autoConverge,
    };
  }
}
