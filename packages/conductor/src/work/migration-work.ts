import { randomUUID } from "node:crypto";
import { errorChain } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { runMigration } from "../migration/run-migration.ts";

/** A conductor that is silent for this long has its migrations taken up by another, ms. */
const LEASE_MS = 10_000;
const RENEW_MS = 3_000;
/** Migrations worked on by one conductor at a time; more are for the others, or wait. */
const MAX_AT_A_TIME = 2_000;

/**
 * The migrations that this conductor works on. Each is leased in the store; a lease that could not be renewed is lost,
 * and work on it stops at once: the compare-and-set of every write is the fence behind that.
 *
 * New work is taken when somebody says that there is some (`lookForWork`), and on the renewing period for what others
 * have left behind.
 */
export class MigrationWork {
  readonly #context: ConductorContext;
  readonly #owner = `conductor-${randomUUID()}`;
  readonly #running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();
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

  /** Ends the runners between two acts and gives their leases back. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#keeper;
    await this.#looking;
    await Promise.all([...this.#running.values()].map((entry) => entry.ended));
  }

  async #keepLeases(): Promise<void> {
    const { clock, store } = this.#context;
    while (!this.#stop.signal.aborted) {
      this.lookForWork();
      await clock.sleep(RENEW_MS, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      const held = [...this.#running.keys()];
      if (held.length === 0) continue;
      try {
        const kept = new Set(await store.migrations.renewLeases(this.#owner, held, LEASE_MS));
        for (const uuid of held) if (!kept.has(uuid)) this.#running.get(uuid)?.stop.abort();
      } catch (error) {
        this.#complain(error);
      }
    }
  }

  async #takeUp(): Promise<void> {
    const free = MAX_AT_A_TIME - this.#running.size;
    if (this.#stop.signal.aborted || free <= 0) return;
    const taken = await this.#context.store.migrations.acquireLeases(this.#owner, LEASE_MS, free);
    for (const migration of taken) if (!this.#running.has(migration.uuid)) this.#run(migration.uuid);
  }

  #run(uuid: string): void {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    const ended = runMigration(this.#context, uuid, signal)
      .catch((error: unknown) => this.#complain(error, uuid))
      .then(() => this.#context.store.migrations.releaseLease(this.#owner, uuid))
      .catch((error: unknown) => this.#complain(error, uuid))
      .then(() => {
        this.#running.delete(uuid);
      });
    this.#running.set(uuid, { stop, ended });
  }

  #complain(error: unknown, migrationId?: string): void {
    this.#context.logger.warn({ migrationId, problem: errorChain(error) }, "work on migrations was disturbed");
  }
}
