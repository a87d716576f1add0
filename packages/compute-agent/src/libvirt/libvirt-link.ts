import {
  type ConnectionOptions,
  type Domain,
  type DomainEvent,
  type JobStats,
  LibvirtConnection,
  LibvirtHost,
  type MigrationParams,
} from "@drover/libvirt";
import { type Clock, DroverError, isDroverError, type Logger } from "@drover/model";
import { backoffMs } from "../backoff.ts";

/** An event of libvirt's, or that some were lost and what they said must be read again. */
export type LinkEvent = DomainEvent | { readonly type: "everything-changed" };

export interface LibvirtLinkOptions {
  readonly uri: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connection?: ConnectionOptions;
}

const RECONNECT_FIRST_MS = 250;
const RECONNECT_MOST_MS = 5_000;

/**
 * libvirtd answers job stats in milliseconds; on a loaded host it was seen not to answer them for minutes, and each
 * unanswered call keeps one of the few places of its connection. After so long, ms, the connection is exchanged.
 */
const JOB_STATS_DEADLINE_MS = 5_000;

interface Connected {
  readonly host: LibvirtHost;
  questions: LibvirtConnection;
}

/**
 * The agent's connections to its libvirtd, kept open: lost ones are opened again with backoff, for as long as it lives.
 *
 * Three kinds, because a connection carries only a few calls at once (see @drover/libvirt): `control` for what must be
 * prompt (abort, suspend, post-copy, downtime) and for events; `questions` for job stats, checks and the inventory,
 * however many; and one of its own for each migrate call.
 *
 *     connecting ──▶ connected ──▶ (lost) connecting …      any ──▶ stopped
 */
export class LibvirtLink {
  readonly #options: LibvirtLinkOptions;
  readonly #ended = new AbortController();
  readonly #listeners = new Set<(event: LinkEvent) => void>();
  #connected: Connected | undefined;
  #problem: unknown = new DroverError("unavailable", "libvirtd was not reached yet");
  #running: Promise<void> = Promise.resolve();

  constructor(options: LibvirtLinkOptions) {
    this.#options = options;
  }

  /** Begins to connect; returns at once. */
  start(): void {
    this.#running = this.#keepConnected();
  }

  /** Called with each event, and with `everything-changed` after each (re)connection. Returns its own end. */
  listen(listener: (event: LinkEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get isConnected(): boolean {
    return this.#connected !== undefined;
  }

  /** For prompt commands only. @throws {DroverError} `unavailable` while libvirtd is away. */
  get control(): LibvirtConnection {
    return this.#now().host.control;
  }

  /** For everything that asks. @throws {DroverError} `unavailable` while libvirtd is away. */
  get questions(): LibvirtConnection {
    return this.#now().questions;
  }

  /** The migrate call, on a connection of its own; see `LibvirtHost.migrate` for what it promises. */
  async migrate(
    domain: Domain,
    destinationUri: string,
    params: MigrationParams,
    flags: number,
    options?: { readonly signal: AbortSignal },
  ): Promise<void> {
    await this.#now().host.migrate(domain, destinationUri, params, flags, options);
  }

  /** Runs `work` with a connection of its own, closed afterwards. @throws {DroverError} `unavailable` while libvirtd is away. */
  async withBlockingConnection<T>(work: (connection: LibvirtConnection) => Promise<T>): Promise<T> {
    return await this.#now().host.withBlockingConnection(work);
  }

  /**
   * A domain's job stats, or a rejection within five seconds; then the questions have a new connection.
   *
   * @throws {DroverError} `deadline-exceeded`, `unavailable`; {@link LibvirtError} as `domainGetJobStats`.
   */
  async jobStats(domain: Domain): Promise<JobStats> {
    const asked = this.questions;
    try {
      return await asked.domain.getJobStats(domain, { deadlineMs: JOB_STATS_DEADLINE_MS });
    } catch (error) {
      if (isDroverError(error, "deadline-exceeded") && this.#connected?.questions === asked) {
        this.#options.logger.warn({ server: domain.name }, "libvirtd does not answer job stats; asking anew");
        void asked.close();
      }
      throw error;
    }
  }

  /** For readiness. @throws {DroverError} `unavailable` while libvirtd is away. */
  async ping(): Promise<void> {
    this.#now();
  }

  /** Closes all connections; migrations under way go on in libvirtd. Never rejects. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#close();
    await this.#running;
  }

  #now(): Connected {
    if (this.#connected !== undefined) return this.#connected;
    throw new DroverError("unavailable", `libvirtd at ${this.#options.uri} is away; it is being dialled again`, {
      cause: this.#problem,
    });
  }

  async #keepConnected(): Promise<void> {
    const { clock, logger, uri } = this.#options;
    const { signal } = this.#ended;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.#connectOnce();
        attempt = 0;
        const lost = await this.#connected?.host.control.closed;
        this.#problem = lost;
        if (!signal.aborted) logger.warn({ uri, err: lost }, "libvirtd is lost; dialling again");
      } catch (err) {
        this.#problem = err;
        if (attempt === 1 && !signal.aborted)
          logger.warn({ uri, err }, "libvirtd cannot be reached; dialling until it can");
      }
      await this.#close();
      await clock.sleep(backoffMs(attempt + 1, RECONNECT_FIRST_MS, RECONNECT_MOST_MS), signal).catch(() => {});
    }
  }

  async #connectOnce(): Promise<void> {
    const { uri, connection, logger } = this.#options;
    const { signal } = this.#ended;
    const host = await LibvirtHost.open(uri, { ...connection, signal });
    let questions: LibvirtConnection | undefined;
    try {
      questions = await this.#openQuestions();
      const events = await host.control.subscribe(["lifecycle", "job-completed"], { signal });
      signal.throwIfAborted();
      this.#connected = { host, questions };
      void this.#keepQuestions(this.#connected);
      void this.#readEvents(events);
    } catch (error) {
      await Promise.all([host.close(), questions?.close()]);
      throw error;
    }
    logger.info({ uri }, "connected to libvirtd");
    this.#tell({ type: "everything-changed" });
  }

  /** A hung storage server keeps calls from being answered for hours: they must not take all the places of those to come. */
  #openQuestions(): Promise<LibvirtConnection> {
    const { uri, connection } = this.#options;
    return LibvirtConnection.open(uri, { ...connection, signal: this.#ended.signal, closeWhenStuck: true });
  }

  /** Questions lost alone are opened again, beside migrate calls and commands that go on undisturbed. */
  async #keepQuestions(connected: Connected): Promise<void> {
    const { uri, clock, logger } = this.#options;
    const { signal } = this.#ended;
    const isCurrent = () => this.#connected === connected && !signal.aborted;
    for (let attempt = 0; isCurrent(); attempt += 1) {
      await connected.questions.closed;
      if (attempt > 0)
        await clock.sleep(backoffMs(attempt, RECONNECT_FIRST_MS, RECONNECT_MOST_MS), signal).catch(() => {});
      if (!isCurrent()) return;
      try {
        const questions = await this.#openQuestions();
        if (!isCurrent()) return await questions.close();
        connected.questions = questions;
        attempt = 0;
      } catch (err) {
        logger.debug({ uri, err }, "the connection for questions could not be opened again yet");
      }
    }
  }

  async #readEvents(events: AsyncIterable<DomainEvent | { readonly type: "events-lost" }>): Promise<void> {
    try {
      for await (const event of events) {
        this.#tell(event.type === "events-lost" ? { type: "everything-changed" } : event);
      }
    } catch {
      // The connection is lost: #keepConnected sees the same and says so.
    }
  }

  #tell(event: LinkEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #close(): Promise<void> {
    const connected = this.#connected;
    this.#connected = undefined;
    await Promise.all([connected?.host.close(), connected?.questions.close()]);
  }
}
