import type { Bus } from "@drover/bus";
import { reportHeartbeat, reportHost } from "@drover/contracts";
import { type Clock, type HostFacts, type Logger, type ObservedGuest, REPORT_INTERVAL_MS } from "@drover/model";
import { backoffMs } from "../backoff.ts";

export interface HostReporterOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: string;
  readonly agentVersion: string;
  /** False while libvirtd is away: then nothing is reported, and the host counts as down after a while. */
  readonly isReady: () => boolean;
  readonly read: () => Promise<{ readonly facts: HostFacts; readonly guests: readonly ObservedGuest[] }>;
  /** When the records were last written, as far as this agent knows: a conductor knows an older database by it. */
  readonly records: { readonly recordsSeenAtMs: number; noteRecords(recordedAtMs: number): Promise<void> };
}

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = REPORT_INTERVAL_MS;
/** More reports than an agent ever has under way at once. */
const BEYOND_ANOTHERS = 1_000;

/**
 * Tells the conductor what this host is and which guests it has: all of it whenever something changed, a heartbeat in
 * between. Repeats with backoff while the bus or the conductor is away; only the newest state is ever sent.
 */
export class HostReporter {
  readonly #options: HostReporterOptions;
  readonly #ended = new AbortController();
  #wake = new AbortController();
  #changed = false;
  #known = false;
  #failures = 0;
  /** Of the newest report; an agent begins anew, and is told how far the one before it had come. */
  #sequence = 0;
  #running: Promise<void> = Promise.resolve();
  readonly #reported = Promise.withResolvers<void>();

  constructor(options: HostReporterOptions) {
    this.#options = options;
  }

  /** Resolves when the conductor has taken in the first full report. */
  get reported(): Promise<void> {
    return this.#reported.promise;
  }

  /** The conductor has taken in what this host is and which guests it has. */
  get isKnown(): boolean {
    return this.#known;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Something is new: a full report follows soon. */
  changed(): void {
    this.#changed = true;
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      // Replaced before the work: a change during it cuts the next wait short.
      this.#wake = new AbortController();
      const nextMs = await this.#reportOnce();
      const failing = this.#failures > 0;
      const wake = failing ? signal : AbortSignal.any([signal, this.#wake.signal]);
      await this.#options.clock.sleep(nextMs, wake).catch(() => {});
    }
  }

  async #reportOnce(): Promise<number> {
    const { logger } = this.#options;
    if (!this.#options.isReady()) return REPORT_INTERVAL_MS;
    try {
      if (this.#changed || !this.#known) await this.#reportAll();
      else await this.#beat();
      if (this.#failures > 0) logger.info({ failures: this.#failures }, "reports reach the conductor again");
      this.#failures = 0;
      return REPORT_INTERVAL_MS;
    } catch (err) {
      if (this.#ended.signal.aborted) return 0;
      this.#failures += 1;
      if (this.#failures === 1) logger.warn({ err }, "this host's report did not reach the conductor; repeating it");
      return backoffMs(this.#failures, RETRY_FIRST_MS, RETRY_MOST_MS);
    }
  }

  async #reportAll(): Promise<void> {
    const { bus, agentVersion, read, records } = this.#options;
    this.#changed = false;
    try {
      const now = await read();
      this.#sequence += 1;
      const stamp = { recordsSeenAtMs: records.recordsSeenAtMs, sequence: this.#sequence };
      const request = { facts: now.facts, agentVersion, guests: [...now.guests], ...stamp };
      const { recordedAtMs, newestSequence } = await bus.call(reportHost, request, { signal: this.#ended.signal });
      await records.noteRecords(recordedAtMs);
      if (newestSequence > this.#sequence) {
        // An agent that ran here before has counted further: this report was left out, and the next one is not. Well beyond,
        // since some of the other's may still be on their way.
        this.#sequence = newestSequence + BEYOND_ANOTHERS;
        return await this.#reportAll();
      }
      this.#known = true;
      this.#reported.resolve();
    } catch (error) {
      this.#changed = true;
      throw error;
    }
  }

  async #beat(): Promise<void> {
    const { bus, host, records } = this.#options;
    const { recordsSeenAtMs } = records;
    const answer = await bus.call(reportHeartbeat, { host, recordsSeenAtMs }, { signal: this.#ended.signal });
    await records.noteRecords(answer.recordedAtMs);
    if (answer.known) return;
    this.#known = false;
    await this.#reportAll();
  }
}
