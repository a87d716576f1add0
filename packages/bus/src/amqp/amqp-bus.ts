import { type Clock, DroverError, isDroverError, type Logger, silentLogger, systemClock } from "@drover/model";
import { BrokerLink } from "../broker-link.ts";
import type { BrokerTls } from "../broker-tls.ts";
import type { Bus, BusStatus, CallOptions, CastOptions, RpcServer, ServeOptions } from "../bus.ts";
import type { CallContract, CastContract } from "../contract.ts";
import { checkTarget } from "../outgoing.ts";
import { type ParkedMessage, parkedListLimit, type Release } from "../parked.ts";
import type { Trust } from "../sender.ts";
import { AmqpSession } from "./amqp-session.ts";
import { brokerAddresses } from "./broker-address.ts";
import { isRefusal } from "./broker-refusal.ts";
import { LateReplies } from "./late-replies.ts";
import { OutgoingCalls } from "./outgoing-calls.ts";
import { OutgoingCasts } from "./outgoing-casts.ts";
import { ParkedQueue } from "./parked-queue.ts";
import { withinTime } from "./time-limit.ts";
import { TopicServer } from "./topic-server.ts";
import { declareForAgents, newReplyQueue } from "./topology.ts";

/** How long reading and releasing parked messages waits for a connection, and then for the broker's answers. */
const PARKED_WAIT_MS = 10_000;

export interface AmqpBusOptions {
  /** `amqp://user:password@host:5672/vhost`, `amqps://…`; several name a cluster's members, tried in turn. */
  readonly urls: readonly string[];
  /** Names the connections at the broker. */
  readonly name: string;
  /** Topic exchange that stock oslo.messaging clients publish to; their `control_exchange`. @default "drover" */
  readonly controlExchange?: string;
  /** Users whose commands are obeyed, beside our own. @default none */
  readonly trustedUsers?: readonly string[];
  readonly tls?: BrokerTls;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * A bus over RabbitMQ, in oslo.messaging's envelope and topology. Returns at once, also while no broker can be reached:
 * it is looked for until {@link Bus.close}, and {@link Bus.status} tells.
 *
 * @throws {DroverError} `bad-request` if an address is not an AMQP one.
 */
export function openAmqpBus(options: AmqpBusOptions): Bus {
  return new AmqpBus(options);
}

class AmqpBus implements Bus {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #controlExchange: string;
  readonly #trust: Trust;
  readonly #link: BrokerLink<AmqpSession>;
  readonly #lateReplies: LateReplies;
  readonly #calls: OutgoingCalls;
  readonly #casts: OutgoingCasts;
  readonly #servers = new Set<TopicServer>();
  readonly #parked: ParkedQueue;

  constructor(options: AmqpBusOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#controlExchange = options.controlExchange ?? "drover";
    const addresses = brokerAddresses(options.urls);
    const ownUser = addresses[0].user;
    this.#trust = { ownUser, trustedUsers: options.trustedUsers ?? [] };
    this.#parked = new ParkedQueue(this.#trust);
    const sessionOptions = {
      name: options.name,
      tls: options.tls,
      logger: this.#logger,
      clock: this.#clock,
      onReturned: (messageId: string, queue: string) => this.#calls.returned(messageId, queue),
      onReplyReturned: (queue: string, body: Buffer) => this.#lateReplies.add(queue, body),
    };
    this.#link = new BrokerLink({
      dialers: addresses.map((address) => ({
        label: address.label,
        open: () => AmqpSession.open(address, sessionOptions),
      })),
      setups: [
        (session) => declareForAgents(session, this.#controlExchange, this.#logger),
        (session) => this.#calls.setUp(session),
      ],
      isRefusal,
      logger: this.#logger,
      clock: this.#clock,
    });
    const onLink = { link: this.#link, logger: this.#logger, clock: this.#clock };
    this.#calls = new OutgoingCalls({ ...onLink, replyQueue: newReplyQueue(ownUser) });
    this.#casts = new OutgoingCasts(this.#link, this.#clock);
    this.#lateReplies = new LateReplies(onLink);
  }

  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return this.#calls.call(contract, request, options);
  }

  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions = {}): Promise<void> {
    return this.#casts.cast(contract, request, options);
  }

  async serve(options: ServeOptions): Promise<RpcServer> {
    const { topic, server: name } = options;
    checkTarget(topic, name);
    if (this.status() === "closed") throw new DroverError("unavailable", `serving ${topic}: the bus is closed`);
    const server = new TopicServer({
      ...options,
      link: this.#link,
      controlExchange: this.#controlExchange,
      trust: this.#trust,
      logger: this.#logger,
      clock: this.#clock,
    });
    try {
      await server.start();
    } catch (cause) {
      throw new DroverError("refused", `serving ${topic}: the broker refuses its queues`, { cause });
    }
    this.#servers.add(server);
    return {
      close: async () => {
        this.#servers.delete(server);
        await server.close();
      },
    };
  }

  async listParked(limit?: number): Promise<readonly ParkedMessage[]> {
    const count = parkedListLimit(limit);
    return this.#withParked("listing parked messages", (session, tooLate) =>
      this.#parked.list(session, count, tooLate),
    );
  }

  async releaseParked(id: string, release: Release): Promise<void> {
    await this.#withParked(`releasing the parked message ${id}`, (session, tooLate) =>
      this.#parked.release(session, id, release, tooLate),
    );
  }

  async ping(): Promise<void> {
    if (this.status() !== "connected") throw new DroverError("unavailable", "the broker is away");
  }

  status(): BusStatus {
    return this.#link.status();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.close()));
    this.#servers.clear();
    this.#lateReplies.close();
    await this.#link.close();
    this.#calls.close();
  }

  async #withParked<Result>(
    doing: string,
    work: (session: AmqpSession, tooLate: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const session = await this.#link.sessionFor(doing, PARKED_WAIT_MS);
    try {
      return await withinTime(doing, PARKED_WAIT_MS, this.#clock, (tooLate) => work(session, tooLate));
    } catch (cause) {
      if (isDroverError(cause)) throw cause;
      throw new DroverError(isRefusal(cause) ? "refused" : "unavailable", doing, { cause });
    }
  }
}
