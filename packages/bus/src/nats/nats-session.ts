import { DroverError, errorChain, type Logger } from "@drover/model";
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, errors, type NatsConnection, type PermissionViolationError } from "@nats-io/transport-node";
import type { BrokerSession } from "../broker-link.ts";
import type { BrokerTls } from "../broker-tls.ts";
import { withoutAbandonedSockets } from "./abandoned-sockets.ts";
import type { NatsAddress } from "./nats-address.ts";
import { inboxPrefix } from "./subjects.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A silent server is given up when two pings are not answered: after three of these. */
const PING_INTERVAL_MS = 10_000;
const MAX_UNANSWERED_PINGS = 2;
/** How long parting from a connection may take. */
const TIDY_LIMIT_MS = 5_000;
/** An answer of JetStream's API. */
const JETSTREAM_TIMEOUT_MS = 5_000;

export interface NatsSessionOptions {
  readonly name: string;
  /** Our user as a token. */
  readonly sender: string;
  readonly tls: BrokerTls | undefined;
  readonly logger: Logger;
}

/**
 * One connection to a NATS server. The library's own reconnecting is off: it would keep what is published while the
 * server is away and send it later, and would not say why a first connection fails.
 */
export class NatsSession implements BrokerSession {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Consumers found to exist, by name: looked for once for each connection. */
  readonly knownConsumers = new Set<string>();
  readonly #connection: NatsConnection;
  readonly #logger: Logger;
  readonly #lost = new AbortController();

  /** @throws when the server cannot be reached, or knows us not. */
  static async open(address: NatsAddress, options: NatsSessionOptions): Promise<NatsSession> {
    const { name, sender, tls, logger } = options;
    const connection = await withoutAbandonedSockets(() =>
      connect({
        servers: [address.server],
        ...address.credentials,
        ...(address.tls ? { tls: { ...tls } } : {}),
        name,
        reconnect: false,
        ignoreClusterUpdates: true,
        noAsyncTraces: true,
        timeout: CONNECT_TIMEOUT_MS,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: MAX_UNANSWERED_PINGS,
        inboxPrefix: inboxPrefix(sender),
      }),
    );
    const options_ = { timeout: JETSTREAM_TIMEOUT_MS };
    const jsm = await jetstreamManager(connection, { ...options_, checkAPI: false });
    const session = new NatsSession(connection, jetstream(connection, options_), jsm, logger);
    void session.#watch();
    return session;
  }

  private constructor(connection: NatsConnection, js: JetStreamClient, jsm: JetStreamManager, logger: Logger) {
    this.#connection = connection;
    this.js = js;
    this.jsm = jsm;
    this.#logger = logger;
    void connection.closed().then((error) => this.fail(error ?? new Error("the server closed the connection")));
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether the server asks for users; one that does not vouches for nobody. */
  get asksForUsers(): boolean {
    return this.#connection.info?.auth_required === true;
  }

  /**
   * Hands a message to the connection; it is on its way when this returns.
   *
   * @throws {DroverError} `bad-request` when it is larger than the server takes. @throws when the connection is closed.
   */
  publish(subject: string, body: Uint8Array, reply?: string): void {
    this.assertFits(body);
    this.#connection.publish(subject, body, reply === undefined ? undefined : { reply });
  }

  /** What the server takes in one message, its headers counted in. */
  get maxMessageBytes(): number {
    return this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
  }

  /** @throws {DroverError} `bad-request` when the message is larger than the server takes. */
  assertFits(body: Uint8Array): void {
    const limit = this.maxMessageBytes;
    if (body.length <= limit) return;
    throw new DroverError(
      "bad-request",
      `a message of ${body.length} bytes; this NATS server takes ${limit}, raise its \`max_payload\``,
    );
  }

  subscribe: NatsConnection["subscribe"] = (subject, options) => this.#connection.subscribe(subject, options);

  /** Resolves when the server has dealt with all that was sent. Rejects when the connection is lost first. */
  async flush(): Promise<void> {
    this.lost.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const onLost = () => reject(this.lost.reason);
    this.lost.addEventListener("abort", onLost, { once: true });
    try {
      await Promise.race([this.#connection.flush(), promise]);
    } finally {
      this.lost.removeEventListener("abort", onLost);
    }
  }

  /** What belongs to parting: within its time, and without harm if the connection is gone. Never rejects. */
  async tidy(work: () => Promise<unknown>): Promise<void> {
    if (this.lost.aborted) return;
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, TIDY_LIMIT_MS);
    this.lost.addEventListener("abort", () => timer.resolve(), { once: true });
    await Promise.race([work().catch(() => {}), timer.promise]);
    clearTimeout(timeout);
  }

  fail(error: unknown): void {
    if (this.lost.aborted) return;
    this.#lost.abort(error);
    void this.#connection.close();
  }

  async close(): Promise<void> {
    await this.tidy(() => this.flush());
    this.fail(new DroverError("unavailable", "the bus is closed"));
    await this.#connection.closed();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      // The library would flush to a server that reads nothing any more before it closes.
      if (status.type === "staleConnection") this.fail(new Error("the server does not answer pings"));
      if (status.type === "error") {
        this.#logger.warn({ reason: errorChain(status.error) }, "the NATS server refuses what we sent");
      }
    }
  }
}

/** What the server lets our user not do, where that is why something failed: the library wraps it for a request. */
export function permissionViolation(error: unknown): PermissionViolationError | undefined {
  if (error instanceof errors.PermissionViolationError) return error;
  return error instanceof Error && error.cause !== undefined ? permissionViolation(error.cause) : undefined;
}
