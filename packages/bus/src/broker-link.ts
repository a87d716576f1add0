import { type Clock, DroverError, errorChain, isDroverError, type Logger } from "@drover/model";
import type { BusStatus } from "./bus.ts";

/** Waits between attempts double from the first to the longest; half of each is random, so that agents do not return as one. */
const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
/** A connection that held this long counts as good: the next loss starts from the first wait again. */
const STABLE_AFTER_MS = 10_000;

/** One connection to a broker, from its handshake to its loss. */
export interface BrokerSession {
  /** Aborted when the connection is gone, with the reason. */
  readonly lost: AbortSignal;
  /** Gives the connection up: another one is made. */
  fail(error: unknown): void;
  /** Never rejects. */
  close(): Promise<void>;
}

/** One of the brokers to try. */
export interface BrokerDialer<Session> {
  /** For people: never with credentials. */
  readonly label: string;
  open(): Promise<Session>;
}

/** What must be there on every new connection: queues, subscriptions, consumers. */
export type BrokerSetup<Session> = (session: Session) => Promise<void>;

export interface BrokerLinkOptions<Session> {
  /** Tried in turn, one soon after the other; the waits grow from round to round. */
  readonly dialers: readonly BrokerDialer<Session>[];
  /** As by {@link BrokerLink.addSetup}, before the first connection. */
  readonly setups: readonly BrokerSetup<Session>[];
  /** The broker understood a setup and said no: doing it again on another connection is of no use. */
  readonly isRefusal: (error: unknown) => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Keeps one session to one of several brokers, for ever. A session is shown only when every setup has run on it. */
export class BrokerLink<Session extends BrokerSession> {
  readonly #options: BrokerLinkOptions<Session>;
  readonly #setups: Set<BrokerSetup<Session>>;
  readonly #closing = new AbortController();
  readonly #finished: Promise<void>;
  #session: Session | undefined;
  #next = Promise.withResolvers<Session>();

  constructor(options: BrokerLinkOptions<Session>) {
    this.#options = options;
    this.#setups = new Set(options.setups);
    this.#next.promise.catch(() => {});
    this.#finished = this.#keepConnected();
  }

  status(): BusStatus {
    if (this.#closing.signal.aborted) return "closed";
    return this.#session === undefined ? "connecting" : "connected";
  }

  /** The session there is now. */
  get present(): Session | undefined {
    return this.#closing.signal.aborted ? undefined : this.#session;
  }

  /**
   * The present session, or the next one.
   *
   * @throws {DroverError} `unavailable` when there is none within `maxWaitMs`; the reason of `signal` when it aborts first.
   */
  async session(maxWaitMs: number, signal?: AbortSignal): Promise<Session> {
    if (this.#closing.signal.aborted) throw closed();
    if (this.#session !== undefined) return this.#session;
    const timer = new AbortController();
    const timeout = this.#options.clock.sleep(maxWaitMs, AbortSignal.any([timer.signal, ...(signal ? [signal] : [])]));
    try {
      return await Promise.race([
        this.#next.promise,
        timeout.then(() => {
          throw new DroverError("unavailable", `no broker could be reached within ${maxWaitMs} ms`);
        }),
      ]);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      timer.abort();
      timeout.catch(() => {});
    }
  }

  /** As {@link session}; its `unavailable` says what we were `doing`. */
  async sessionFor(doing: string, maxWaitMs: number, signal?: AbortSignal): Promise<Session> {
    try {
      return await this.session(maxWaitMs, signal);
    } catch (cause) {
      if (!isDroverError(cause, "unavailable")) throw cause;
      throw new DroverError("unavailable", doing, { cause });
    }
  }

  /**
   * Runs `setup` on the present session, if there is one, and on each new one. Rejects, and forgets it, if the broker
   * refuses it now: the session goes on for the others. Anything else is tried again on the next session.
   */
  async addSetup(setup: BrokerSetup<Session>): Promise<void> {
    this.#setups.add(setup);
    const session = this.#session;
    if (session === undefined) return;
    try {
      await setup(session);
    } catch (error) {
      if (!this.#options.isRefusal(error)) {
        session.fail(error);
        return;
      }
      this.#setups.delete(setup);
      throw error;
    }
  }

  removeSetup(setup: BrokerSetup<Session>): void {
    this.#setups.delete(setup);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(closed());
    this.#next.reject(closed());
    await this.#session?.close();
    await this.#finished;
  }

  async #keepConnected(): Promise<void> {
    const { dialers, clock, logger } = this.#options;
    let failures = 0;
    for (let attempt = 0; !this.#closing.signal.aborted; attempt += 1) {
      const dialer = dialers[attempt % dialers.length];
      if (dialer === undefined) return;
      const startedMs = clock.monotonicMs();
      const reason = await this.#connectOnce(dialer);
      if (this.#closing.signal.aborted) return;
      failures = clock.monotonicMs() - startedMs > STABLE_AFTER_MS ? 1 : failures + 1;
      const retryInMs = retryDelayMs(Math.ceil(failures / dialers.length), Math.random());
      logger.warn(
        { broker: dialer.label, reason: errorChain(reason), failures, retryInMs },
        "no connection to the broker",
      );
      await clock.sleep(retryInMs, this.#closing.signal).catch(() => {});
    }
  }

  /** Connects and stays until the connection is lost; returns why it was. */
  async #connectOnce(dialer: BrokerDialer<Session>): Promise<unknown> {
    let session: Session | undefined;
    const onClosing = () => session?.close();
    this.#closing.signal.addEventListener("abort", onClosing, { once: true });
    try {
      session = await dialer.open();
      for (const setup of this.#setups) await setup(session);
      session.lost.throwIfAborted();
      this.#closing.signal.throwIfAborted();
    } catch (error) {
      await session?.close();
      return error;
    } finally {
      this.#closing.signal.removeEventListener("abort", onClosing);
    }
    this.#options.logger.info({ broker: dialer.label }, "connected to the broker");
    return await this.#show(session);
  }

  /** Hands the session out until it is lost; returns why it was. */
  #show(session: Session): Promise<unknown> {
    this.#session = session;
    this.#next.resolve(session);
    return new Promise((resolve) => {
      session.lost.addEventListener("abort", () => {
        this.#session = undefined;
        this.#next = Promise.withResolvers();
        this.#next.promise.catch(() => {});
        if (this.#closing.signal.aborted) this.#next.reject(closed());
        resolve(session.lost.reason);
      });
    });
  }
}

/** @param random From 0 up to 1. */
export function retryDelayMs(failures: number, random: number): number {
  const longestMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 30));
  return Math.round(longestMs * (0.5 + random / 2));
}

function closed(): DroverError {
  return new DroverError("unavailable", "the bus is closed");
}
