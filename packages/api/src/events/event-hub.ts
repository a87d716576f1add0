import { viewChange, viewProgress } from "@drover/fleet";
import {
  type AgedProgress,
  type Clock,
  DroverError,
  errorChain,
  type Logger,
  type MigrationProgress,
  pause,
  TERMINAL,
} from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Store } from "@drover/store";
import type { HttpMetrics } from "../http-metrics.ts";
import type { EventStream } from "./event-stream.ts";
import { followLog, type LogFollower, type LoggedChange } from "./follow-log.ts";
import { sseFrame } from "./sse-frame.ts";

/** Numbers of all migrations are told together, so often, ms; those of one as they come. */
const PROGRESS_MS = 1_000;
const HEARTBEAT_MS = 15_000;

/** What a stream wants to hear of. */
export interface Subscription {
  readonly stream: EventStream;
  /** Undefined: all. */
  readonly migrationUuid: string | undefined;
  readonly progress: boolean;
  /** Its token is still good; undefined while that cannot be found out. */
  readonly isStillLetIn: () => Promise<boolean | undefined>;
  /** Its token is Drover's own: who is let in by others, who may be away, is looked at after it. */
  readonly hasOwnToken: boolean;
}

export interface EventHubOptions {
  readonly store: Pick<Store, "migrations">;
  readonly progress: ProgressCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<HttpMetrics, "streamsOpen"> | undefined;
  readonly maxStreams: number;
}

/** What runs while there are streams. */
interface Sources {
  readonly follower: LogFollower;
  stop(): Promise<void>;
}

/**
 * Hands changes and progress to all event streams of this process. Whatever the number of streams, the database and the cache
 * are listened to once, and each event is serialized once. With no stream nothing runs.
 */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #fleet = new Set<Subscription>();
  readonly #byMigration = new Map<string, Set<Subscription>>();
  #streams = 0;
  #sources: Promise<Sources> | undefined;
  /** Numbers that streams of all migrations have not been told. */
  readonly #progress = new Map<string, { readonly snapshot: MigrationProgress; readonly heardAtMs: number }>();
  #closed = false;
  /** Tokens are being looked at. */
  #isLookingAtTokens = false;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  /**
   * From now on the stream is told what it wants to hear, until it closes. Resolves with the id of the last change before that.
   *
   * @throws {DroverError} `unavailable` when there are too many streams, or the database is away
   */
  async join(subscription: Subscription): Promise<number> {
    const { maxStreams } = this.#options;
    if (this.#closed) throw new DroverError("unavailable", "opening an event stream: the API is stopping");
    if (this.#streams >= maxStreams) {
      const remedy = "come back later, or raise api.max_event_streams";
      throw new DroverError("unavailable", `opening an event stream: ${maxStreams} are open already; ${remedy}`);
    }
    this.#add(subscription);
    subscription.stream.onClose(() => this.#remove(subscription));
    this.#sources ??= this.#start();
    const sources = this.#sources;
    try {
      return (await sources).follower.position;
    } catch (error) {
      if (this.#sources === sources) this.#sources = undefined;
      this.#remove(subscription);
      throw error;
    }
  }

  /** It hears nothing more. A stream that closes leaves by itself. */
  leave(subscription: Subscription): void {
    this.#remove(subscription);
  }

  /** Ends all streams; their readers come back to another process, or to the next one. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endAll();
    await this.#stopListening();
  }

  /** Never rejects. What could not be started has told those who waited for it. */
  async #stopListening(): Promise<void> {
    const sources = this.#sources;
    this.#sources = undefined;
    this.#progress.clear();
    try {
      await (await sources)?.stop();
    } catch (error) {
      this.#options.logger.debug({ problem: errorChain(error) }, "the sources of event streams did not end in order");
    }
  }

  async #start(): Promise<Sources> {
    const { clock, logger, progress } = this.#options;
    const ended = new AbortController();
    const endFeed = await progress.subscribe((snapshots) => this.#tellProgress(snapshots));
    const follower = await followLog({
      ...this.#options,
      onChanges: (changes) => this.#tellChanges(changes),
      onRewound: () => {
        logger.warn({}, "the log of migrations begins again further down: event streams are to begin anew");
        this.#endAll();
      },
    }).catch(async (error: unknown) => {
      await endFeed();
      throw error;
    });
    const ticking = this.#tick(clock, ended.signal);
    return {
      follower,
      stop: async () => {
        ended.abort();
        await Promise.all([endFeed(), follower.stop(), ticking]);
      },
    };
  }

  async #tick(clock: Clock, signal: AbortSignal): Promise<void> {
    for (let sinceBeatMs = PROGRESS_MS; ; sinceBeatMs += PROGRESS_MS) {
      await pause(clock, PROGRESS_MS, signal);
      if (signal.aborted) return;
      this.#tellFleetProgress();
      if (sinceBeatMs < HEARTBEAT_MS) continue;
      sinceBeatMs = 0;
      for (const { stream } of this.#all()) stream.heartbeat();
      // Not awaited: a database that does not answer keeps no heartbeat back.
      if (!this.#isLookingAtTokens) void this.#endRefused(signal);
    }
  }

  /** What a token opened ends with it. Never rejects. */
  async #endRefused(signal: AbortSignal): Promise<void> {
    this.#isLookingAtTokens = true;
    for (const isOwn of [true, false]) {
      const subscriptions = this.#all().filter(({ hasOwnToken }) => hasOwnToken === isOwn);
      await endRefusedOf(subscriptions, signal);
    }
    this.#isLookingAtTokens = false;
  }

  #tellChanges(changes: readonly LoggedChange[]): void {
    const now = this.#options.clock.now();
    for (const { line, migration } of changes) {
      const own = this.#byMigration.get(line.migrationUuid);
      if (own === undefined && this.#fleet.size === 0) continue;
      const frame = sseFrame("change", viewChange(line, migration, now), line.id);
      for (const { stream } of this.#fleet) stream.change(line.id, frame);
      for (const { stream } of own ?? []) {
        stream.change(line.id, frame);
        if (TERMINAL.has(line.state)) stream.endOnceLive();
      }
    }
  }

  #tellProgress(snapshots: readonly MigrationProgress[]): void {
    const heardAtMs = this.#options.clock.monotonicMs();
    for (const snapshot of snapshots) {
      const own = this.#byMigration.get(snapshot.migrationUuid);
      if (own !== undefined) {
        const frame = progressFrame([{ snapshot, ageMs: 0 }]);
        for (const { stream } of own) stream.progress(frame);
      }
      this.#progress.set(snapshot.migrationUuid, { snapshot, heardAtMs });
    }
  }

  #tellFleetProgress(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const heard = [...this.#progress.values()];
    this.#progress.clear();
    const listeners = [...this.#fleet].filter(({ progress }) => progress);
    if (heard.length === 0 || listeners.length === 0) return;
    const frame = progressFrame(heard.map(({ snapshot, heardAtMs }) => ({ snapshot, ageMs: nowMs - heardAtMs })));
    for (const { stream } of listeners) stream.progress(frame);
  }

  #endAll(): void {
    for (const { stream } of this.#all()) stream.end();
  }

  #all(): readonly Subscription[] {
    return [...this.#fleet, ...[...this.#byMigration.values()].flatMap((own) => [...own])];
  }

  #count(change: 1 | -1): void {
    this.#streams += change;
    this.#options.metrics?.streamsOpen(this.#streams);
  }

  #add(subscription: Subscription): void {
    this.#count(1);
    const { migrationUuid } = subscription;
    if (migrationUuid === undefined) {
      this.#fleet.add(subscription);
      return;
    }
    const own = this.#byMigration.get(migrationUuid) ?? new Set();
    this.#byMigration.set(migrationUuid, own.add(subscription));
  }

  #remove(subscription: Subscription): void {
    const { migrationUuid } = subscription;
    const among = migrationUuid === undefined ? this.#fleet : this.#byMigration.get(migrationUuid);
    if (among?.delete(subscription) !== true) return;
    if (migrationUuid !== undefined && among.size === 0) this.#byMigration.delete(migrationUuid);
    this.#count(-1);
    if (this.#streams > 0) return;
    void this.#stopListening();
  }
}

/** Of what was heard of over the feed; it is as old as that. */
function progressFrame(heard: readonly AgedProgress[]): Buffer {
  const progress = heard.map(({ snapshot, ageMs }) =>
    viewProgress({ progress: snapshot, source: "cache", ageMs: Math.round(ageMs), stale: false }),
  );
  return sseFrame("progress", { progress });
}

/** One after the other, and no further once it cannot be found out. */
async function endRefusedOf(subscriptions: readonly Subscription[], signal: AbortSignal): Promise<void> {
  for (const { stream, isStillLetIn } of subscriptions) {
    if (!stream.isOpen) continue;
    const isLetIn = await isStillLetIn().catch(() => undefined);
    if (isLetIn === undefined || signal.aborted) return;
    if (!isLetIn) stream.end();
  }
}
