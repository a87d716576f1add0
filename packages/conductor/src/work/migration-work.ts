import { randomUUID } from "node:crypto";
import { errorChain, pause } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { runMigration } from "../migration/run-migration.ts";

/** A conductor that is silent for this long has its migrations taken up by another, ms. */
const LEASE_MS = 10_000;
const RENEW_MS = 3_000;
/** A conductor that stops gives its steps so long to finish, ms; then others repeat them. */
const DRAIN_MS = 3_000;
/** Migrations worked on by one conductor at a time; more are for the others, or wait. */
const MAX_AT_A_TIME = 2_000;

interface Running {
  readonly drain: AbortController;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** By our own monotonic clock, which goes on while the process stands still: from then on the lease may be another's. */
  expiresAtMs: number;
}

/**
 * The migrations that this conductor works on. Each is leased in the store; work on one whose lease is lost, or has run out
 * by this conductor's own clock, stops at once. Behind that stands the generation, which whoever takes a lease over raises:
 * what this conductor still writes is a conflict, and what it still sends is refused by the agents.
 *
 * New work is taken when somebody says that there is some (`lookForWork`), and on the renewing period for what others
 * have left behind.
 */
export class MigrationWork {
  readonly #context: ConductorContext;
  readonly #owner = `conductor-${randomUUID()}`;
  readonly #running = new Map<string, Running>();
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  #keeper: Promise<void> | undefined;

  constructor(context: ConductorContext) {
    this.#context = context;
  }

  start(): void {
    this.#keeper = this.#keepLeases();
  }

  /** Takes up what is free to be taken. Several calls at once are one look after another. */
  lookForWork(): void {
    this.#looking = this.#looking.then(() => this.#takeUp()).catch((error: unknown) => this.#complain(error));
  }

  /**
   * Ends the runners, those in a call within a few seconds, and gives their leases back. Resolves with one of the migrations
   * that are left to others, if there is one. Never rejects.
   */
  async stop(): Promise<string | undefined> {
    this.#stop.abort();
    await this.#keeper;
    await this.#looking;
    const running = [...this.#running];
    for (const [, { drain }] of running) drain.abort();
    const patience = new AbortController();
    const late = pause(this.#context.clock, DRAIN_MS, patience.signal);
    const ended = Promise.all(running.map(([, entry]) => entry.ended));
    await Promise.race([ended, late]);
    patience.abort();
    for (const [, { stop }] of running) stop.abort();
    await ended;
    return running[0]?.[0];
  }

  async #keepLeases(): Promise<void> {
    const { clock } = this.#context;
    let renewing: Promise<void> | undefined;
    while (!this.#stop.signal.aborted) {
      this.lookForWork();
      await pause(clock, this.#nextLookMs(), this.#stop.signal);
      if (this.#stop.signal.aborted) break;
      this.#giveUpExpired();
      // Not waited for: while the database does not answer, leases run out all the same.
      renewing ??= this.#renew()
        .catch((error: unknown) => this.#complain(error))
        .finally(() => {
          renewing = undefined;
        });
    }
    await renewing;
  }

  /** Until leases are to be renewed, or the first of them runs out. */
  #nextLookMs(): number {
    const nowMs = this.#context.clock.monotonicMs();
    const held = [...this.#running.values()].filter(({ stop }) => !stop.signal.aborted);
    return Math.max(0, Math.min(RENEW_MS, ...held.map(({ expiresAtMs }) => expiresAtMs - nowMs)));
  }

  async #renew(): Promise<void> {
    const held = [...this.#running.keys()];
    if (held.length === 0) return;
    // Counted from before the question: the store's lease is never shorter than we believe.
    const expiresAtMs = this.#context.clock.monotonicMs() + LEASE_MS;
    const kept = new Set(await this.#context.store.migrations.renewLeases(this.#owner, held, LEASE_MS));
    for (const uuid of held) {
      const entry = this.#running.get(uuid);
      if (entry === undefined) continue;
      if (kept.has(uuid)) entry.expiresAtMs = expiresAtMs;
      else this.#giveUp(entry);
    }
  }

  #giveUpExpired(): void {
    const nowMs = this.#context.clock.monotonicMs();
    for (const entry of this.#running.values()) if (nowMs >= entry.expiresAtMs) this.#giveUp(entry);
  }

  #giveUp({ drain, stop }: Running): void {
    drain.abort();
    stop.abort();
  }

  async #takeUp(): Promise<void> {
    const free = MAX_AT_A_TIME - this.#running.size;
    if (this.#stop.signal.aborted || free <= 0) return;
    const expiresAtMs = this.#context.clock.monotonicMs() + LEASE_MS;
    const taken = await this.#context.store.migrations.acquireLeases(this.#owner, LEASE_MS, free);
    for (const migration of taken) if (!this.#running.has(migration.uuid)) this.#run(migration.uuid, expiresAtMs);
  }

  #run(uuid: string, expiresAtMs: number): void {
    const drain = new AbortController();
    const stop = new AbortController();
    const ended = runMigration(this.#context, uuid, { drain: drain.signal, stop: stop.signal })
      .catch((error: unknown) => this.#complain(error, uuid))
      .then(() => this.#context.store.migrations.releaseLease(this.#owner, uuid))
      .catch((error: unknown) => this.#complain(error, uuid))
      .then(() => {
        this.#running.delete(uuid);
      });
    this.#running.set(uuid, { drain, stop, ended, expiresAtMs });
  }

  #complain(error: unknown, migrationId?: string): void {
    this.#context.logger.warn({ migrationId, problem: errorChain(error) }, "work on migrations was disturbed");
  }
}
