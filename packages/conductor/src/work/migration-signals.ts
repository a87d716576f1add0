import type { Clock } from "@drover/model";

/** A slot that one migration gets: that of a source, or one of the whole fleet. */
export type SlotWaker = `outgoing of ${string}` | "fleet";

/** What a runner may wait for beside its record: a slot, an incoming one anywhere, word of a host. */
export type Waker = SlotWaker | "incoming" | `host ${string}`;

/** What is announced of a migration to its runner. */
export type News = "changed" | "has-its-turn";

/** What orders those that wait: the larger priority first, then the older. */
export interface Precedence {
  readonly priority: number;
  readonly createdAt: Date;
}

/** Of those that other conductors took up. */
const CREATED_KEPT = 1_000;

const NONE: Precedence = { priority: 0, createdAt: new Date(0) };

export interface WaitFor {
  readonly wakers?: readonly Waker[];
  readonly precedence?: Precedence;
  /** While another one here that waits for this slot is before it, time alone does not end the wait. */
  readonly turn?: SlotWaker;
}

interface Watched {
  /** The record changed since its runner last looked. */
  pending: boolean;
  /** Ends the wait that the runner is in. */
  wait: AbortController | undefined;
  /** Ends the call that the runner's step is waiting for. */
  interrupt: AbortController | undefined;
  wakers: readonly Waker[];
  precedence: Precedence;
  hosts: readonly string[];
}

/**
 * Tells the runner of a migration that its record has changed, without asking the database. A signal that comes while
 * its runner is busy is kept until the next wait, so none is lost between reading a record and waiting for its change.
 *
 * What another conductor runs is announced to all of them (`announce`); an announcement that gets lost costs a delay,
 * never a migration: every wait ends by itself.
 */
export class MigrationSignals {
  readonly #clock: Clock;
  readonly #announce: (uuid: string, news: News) => void;
  readonly #watched = new Map<string, Watched>();
  /** Records that this conductor wrote first and does not work on yet. */
  readonly #created = new Set<string>();

  constructor(clock: Clock, announce: (uuid: string, news: News) => void) {
    this.#clock = clock;
    this.#announce = announce;
  }

  /** This conductor has created the record of `uuid`; most often it is also the one to take it up. */
  created(uuid: string): void {
    this.#created.add(uuid);
    for (const oldest of this.#created) {
      if (this.#created.size <= CREATED_KEPT) break;
      this.#created.delete(oldest);
    }
  }

  /** Whether it has, and has not been asked before. */
  wasCreatedHere(uuid: string): boolean {
    return this.#created.delete(uuid);
  }

  /** Signals for `uuid` are kept from now on, until `forget`. */
  watch(uuid: string): void {
    this.#watched.set(uuid, {
      pending: false,
      wait: undefined,
      interrupt: undefined,
      wakers: [],
      precedence: NONE,
      hosts: [],
    });
  }

  forget(uuid: string): void {
    this.#watched.delete(uuid);
  }

  /** The record of `uuid` has changed: ends its runner's wait and the call of its step, wherever it runs. */
  changed(uuid: string): void {
    if (!this.heard(uuid)) this.#announce(uuid, "changed");
  }

  /** A slot that `uuid` waits for may be free: ends its runner's wait, wherever it runs, and no call of its step. */
  hasItsTurn(uuid: string): void {
    if (!this.heardOfItsTurn(uuid)) this.#announce(uuid, "has-its-turn");
  }

  /** As `changed`, for this conductor alone; false when `uuid` is not run here. */
  heard(uuid: string): boolean {
    const watched = this.#watched.get(uuid);
    if (watched === undefined) return false;
    watched.interrupt?.abort(new Error("the migration's record has changed"));
    return this.heardOfItsTurn(uuid);
  }

  /** As `hasItsTurn`, for this conductor alone; false when `uuid` is not run here. */
  heardOfItsTurn(uuid: string): boolean {
    const watched = this.#watched.get(uuid);
    if (watched === undefined) return false;
    watched.pending = true;
    watched.wait?.abort();
    return true;
  }

  /** It has come: who waits for it looks again, in the order of the queue. */
  wake(waker: Exclude<Waker, SlotWaker>): void {
    for (const [, watched] of this.#waitingFor(waker)) watched.wait?.abort();
  }

  /**
   * A slot may be free: the first that waits for it looks. One that takes it and leaves others free, or does not need it any
   * more, has to say so again: a thousand that wait are not all sent to the database for each slot.
   */
  wakeFirst(waker: SlotWaker): void {
    this.#waitingFor(waker)[0]?.[1].wait?.abort();
  }

  /** Whether no other runner of this conductor that waits for it comes before. */
  isFirst(uuid: string, precedence: Precedence, waker: SlotWaker): boolean {
    for (const [other, watched] of this.#watched) {
      const waits = other !== uuid && watched.wait !== undefined && watched.wakers.includes(waker);
      if (waits && comparePrecedence(watched.precedence, precedence) < 0) return false;
    }
    return true;
  }

  #waitingFor(waker: Waker): readonly (readonly [string, Watched])[] {
    return [...this.#watched]
      .filter(([, { wait, wakers }]) => wait?.signal.aborted === false && wakers.includes(waker))
      .sort(([, a], [, b]) => comparePrecedence(a.precedence, b.precedence));
  }

  /** The hosts of a watched migration, for {@link wakeThoseOf}. */
  concerns(uuid: string, hosts: readonly string[]): void {
    const watched = this.#watched.get(uuid);
    if (watched !== undefined) watched.hosts = hosts;
  }

  /** Something is new that may concern all migrations from and to the host: they look again. */
  wakeThoseOf(host: string): void {
    for (const [uuid, { hosts }] of this.#watched) if (hosts.includes(host)) this.heard(uuid);
  }

  /**
   * Resolves at the next change of `uuid`, after `ms` (then, and again after each `ms`, if it is its `turn`), when `stop` is
   * aborted, or when one of its wakers has come.
   */
  async wait(uuid: string, ms: number, stop: AbortSignal, waitFor: WaitFor = {}): Promise<void> {
    const watched = this.#watched.get(uuid);
    if (watched === undefined || stop.aborted) return;
    if (!watched.pending) {
      const wait = new AbortController();
      watched.wait = wait;
      watched.wakers = waitFor.wakers ?? [];
      watched.precedence = waitFor.precedence ?? NONE;
      try {
        const end = AbortSignal.any([wait.signal, stop]);
        do await this.#clock.sleep(ms, end);
        while (waitFor.turn !== undefined && !this.isFirst(uuid, watched.precedence, waitFor.turn));
      } catch (error) {
        // A sleep rejects only with its signal's reason: the change, or the stop.
        if (!wait.signal.aborted && !stop.aborted) throw error;
      }
    }
    watched.wait = undefined;
    watched.wakers = [];
    watched.pending = false;
  }

  /** Runs `work` with a signal that the next change of `uuid` aborts. */
  async interruptible<T>(uuid: string, stop: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const watched = this.#watched.get(uuid);
    const interrupt = new AbortController();
    if (watched !== undefined) watched.interrupt = interrupt;
    try {
      return await work(AbortSignal.any([interrupt.signal, stop]));
    } finally {
      if (watched !== undefined) watched.interrupt = undefined;
    }
  }
}

function comparePrecedence(a: Precedence, b: Precedence): number {
  return b.priority - a.priority || a.createdAt.getTime() - b.createdAt.getTime();
}
