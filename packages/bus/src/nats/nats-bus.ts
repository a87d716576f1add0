import {
  type Clock,
  DroverError,
  errorChain,
  isDroverError,
  type Logger,
  silentLogger,
  systemClock,
} from "@drover/model";
import type { Msg } from "@nats-io/transport-node";
import { Bound } from "../bound.ts";
import { BrokerLink } from "../broker-link.ts";
import type { BrokerTls } from "../broker-tls.ts";
import type { Bus, BusStatus, CallOptions, CastOptions, RpcServer, ServeOptions } from "../bus.ts";
import type { CallContract, CastContract } from "../contract.ts";
import { decodeReply, encodeRequest, newMessageId, type RequestEnvelope } from "../envelope.ts";
import {
  CAST_CONNECT_WAIT_MS,
  callCutOff,
  callEnvelope,
  checkTarget,
  nobodyServes,
  openCall,
  openCast,
} from "../outgoing.ts";
import { type ParkedMessage, parkedListLimit, type Release } from "../parked.ts";
import { PendingCalls } from "../pending-calls.ts";
import type { Trust } from "../sender.ts";
import { NOBODY, natsAddresses } from "./nats-address.ts";
import { listParked, releaseParked } from "./nats-parking.ts";
import { NatsSession, permissionViolation } from "./nats-session.ts";
import { NatsTopicServer } from "./nats-topic-server.ts";
import { storeCast } from "./store-cast.ts";
import { callSubject, encodeToken, fanoutSubject, replyInbox } from "./subjects.ts";

/** How long reading and releasing parked messages waits for a connection. */
const PARKED_CONNECT_WAIT_MS = 10_000;
/** The status of an answer that the server gives itself: nobody is subscribed. */
const NO_RESPONDERS = 503;

export interface NatsBusOptions {
  /** `nats://user:password@host:4222`, `tls://…`; several name a cluster's members, tried in turn, with the same user. */
  readonly urls: readonly string[];
  /** Names the connection at the server. */
  readonly name: string;
  /** Users whose commands are obeyed, beside our own. @default none */
  readonly trustedUsers?: readonly string[];
  /** For `tls://` addresses. */
  readonly tls?: BrokerTls;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * A bus over NATS with JetStream, from nats-server 2.9.4 on. Returns at once, also while no server can be reached: it is
 * looked for until {@link Bus.close}, and {@link Bus.status} tells.
 *
 * @throws {DroverError} `bad-request` if an address is not a NATS one, or the addresses name different users.
 */
export function openNatsBus(options: NatsBusOptions): Bus {
  return new NatsBus(options);
}

class NatsBus implements Bus {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #trust: Trust;
  /** Our user as a token. */
  readonly #sender: string;
  readonly #inbox: string;
  readonly #link: BrokerLink<NatsSession>;
  readonly #pending: PendingCalls;
  readonly #calls = new Bound("calls");
  readonly #casts = new Bound("casts");
  readonly #servers = new Set<NatsTopicServer>();
  /** From here on nothing new is served; handlers that end may still call. */
  #isClosing = false;
  /** Fanouts that the server has not dealt with, by message id: what it answers when nobody is there. */
  readonly #fanouts = new Map<string, () => void>();

  constructor(options: NatsBusOptions) {
    const { name, tls } = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#pending = new PendingCalls(this.#clock);
    const { addresses, user } = natsAddresses(options.urls);
    this.#trust = { ownUser: user, trustedUsers: options.trustedUsers ?? [] };
    this.#sender = encodeToken(user);
    this.#inbox = replyInbox(this.#sender, newMessageId());
    const sessionOptions = { name, sender: this.#sender, tls, logger: this.#logger };
    this.#link = new BrokerLink({
      dialers: addresses.map((address) => ({
        label: address.server,
        open: () => NatsSession.open(address, sessionOptions),
      })),
      setups: [(session) => this.#receiveReplies(session)],
      isRefusal: (error) => permissionViolation(error) !== undefined,
      logger: this.#logger,
      clock: this.#clock,
    });
  }

  async call<Request, Response>(
    contract: CallContract<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const { envelope, deadlineMs } = openCall(contract, request, options);
    return this.#calls.hold(`calling ${contract.method}`, () => this.#call(contract, envelope, deadlineMs, options));
  }

  async cast<Request>(contract: CastContract<Request>, request: Request, options: CastOptions = {}): Promise<void> {
    const { topic, method } = contract;
    const envelope = openCast(contract, request, options);
    const { uniqueId } = envelope;
    const body = encodeRequest(envelope, "bare");
    const send =
      options.fanout === true
        ? (session: NatsSession) => this.#sendToAll(session, method, topic, body)
        : (session: NatsSession) =>
            storeCast(session, this.#sender, { topic, server: options.server, method, uniqueId, body });
    await this.#casts.hold(`sending ${method}`, () => this.#untilSent(method, send));
  }

  async serve(options: ServeOptions): Promise<RpcServer> {
    const { topic } = options;
    checkTarget(topic, options.server);
    const assertOpen = () => {
      if (this.#isClosing) throw new DroverError("unavailable", `serving ${topic}: the bus is closed`);
    };
    assertOpen();
    const server = new NatsTopicServer({
      ...options,
      link: this.#link,
      sender: this.#sender,
      trust: this.#trust,
      logger: this.#logger,
      clock: this.#clock,
    });
    const close = async () => {
      this.#servers.delete(server);
      await server.close();
    };
    // Before it starts: whoever closes the bus meanwhile closes it too.
    this.#servers.add(server);
    try {
      await server.start();
    } catch (cause) {
      await close();
      throw new DroverError("refused", `serving ${topic}: the NATS server refuses our user its subjects`, { cause });
    }
    assertOpen();
    return { close };
  }

  async listParked(limit?: number): Promise<readonly ParkedMessage[]> {
    const count = parkedListLimit(limit);
    return this.#onParked("listing parked messages", (session) => listParked(session, count));
  }

  async releaseParked(id: string, release: Release): Promise<void> {
    const by = { sender: this.#sender, trust: this.#trust };
    await this.#onParked("releasing a parked message", (session) => releaseParked(session, by, id, release));
  }

  async ping(): Promise<void> {
    if (this.status() !== "connected") throw new DroverError("unavailable", "the broker is away");
  }

  status(): BusStatus {
    return this.#link.status();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#servers].map((server) => server.close()));
    this.#servers.clear();
    await this.#link.close();
    this.#pending.failAll((contract, sent) => callCutOff(contract, sent, "the bus was closed"));
  }

  async #call<Response>(
    contract: CallContract<unknown, Response>,
    envelope: RequestEnvelope,
    deadlineMs: number,
    { server, signal }: CallOptions,
  ): Promise<Response> {
    const doing = `sending ${contract.method}`;
    const byMs = this.#clock.monotonicMs() + deadlineMs;
    const session = this.#link.present ?? (await this.#link.sessionFor(doing, deadlineMs, signal));
    const remainingMs = byMs - this.#clock.monotonicMs();
    const { messageId, response } = this.#pending.add(contract, { remainingMs, deadlineMs, server, signal });
    const call = { messageId, replyQueue: this.#inbox, remainingMs };
    try {
      const body = encodeRequest(callEnvelope(contract, envelope, call, this.#clock), "bare");
      session.publish(callSubject(contract.topic, server, this.#sender), body, `${this.#inbox}.${messageId}`);
      this.#pending.markSent(messageId);
    } catch (error) {
      this.#pending.fail(messageId, brokerError(doing, error));
    }
    return response;
  }

  /** Sends on the present connection, and on the next where it broke: the server knows a message that comes again. */
  async #untilSent(method: string, send: (session: NatsSession) => Promise<void>): Promise<void> {
    const byMs = this.#clock.monotonicMs() + CAST_CONNECT_WAIT_MS;
    for (;;) {
      const session = await this.#link.sessionFor(`sending ${method}`, Math.max(0, byMs - this.#clock.monotonicMs()));
      try {
        return await send(session);
      } catch (error) {
        if (!session.lost.aborted || this.status() === "closed") throw brokerError(`sending ${method}`, error);
      }
    }
  }

  async #sendToAll(session: NatsSession, method: string, topic: string, body: Buffer): Promise<void> {
    const id = newMessageId();
    let isNobodyThere = false;
    this.#fanouts.set(id, () => {
      isNobodyThere = true;
    });
    try {
      session.publish(fanoutSubject(topic, this.#sender), body, `${this.#inbox}.${id}`);
      // The answer that nobody is there comes before this one.
      await session.flush();
    } finally {
      this.#fanouts.delete(id);
    }
    if (isNobodyThere) throw nobodyServes(method, `every server of ${topic}`);
  }

  /** The part of a new session that belongs to calls. */
  async #receiveReplies(session: NatsSession): Promise<void> {
    if (!session.asksForUsers) {
      this.#logger.warn(
        { user: this.#trust.ownUser },
        "the NATS server asks for no users: whoever reaches it can command every host",
      );
    } else if (this.#trust.ownUser === NOBODY) {
      this.#logger.warn({}, "the address of the NATS server names no user: nothing vouches for what we send");
    }
    let refusal: Error | undefined;
    session.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receiveReply(message);
        else refusal = error;
      },
    });
    session.lost.addEventListener("abort", () => {
      const what = this.status() === "closed" ? "the bus was closed" : "the connection to the broker broke";
      this.#pending.failAll((contract, sent) => callCutOff(contract, sent, what));
    });
    await session.flush();
    if (refusal !== undefined) throw refusal;
  }

  #receiveReply(message: Msg): void {
    const { data } = message;
    // What throws in here would end the reading of the connection: headers too are parsed when they are looked at.
    try {
      if (data.length === 0 && message.headers?.code === NO_RESPONDERS) {
        this.#nobodyTookIt(message.subject);
        return;
      }
      const reply = decodeReply(Buffer.from(data.buffer, data.byteOffset, data.length));
      if (!this.#pending.settle(reply)) this.#logger.debug({ messageId: reply.messageId }, "a reply came too late");
    } catch (error) {
      this.#logger.warn({ reason: errorChain(error) }, "dropped a message that is no reply");
    }
  }

  #nobodyTookIt(replySubject: string): void {
    const messageId = replySubject.slice(this.#inbox.length + 1);
    this.#fanouts.get(messageId)?.();
    this.#pending.failUnserved(messageId);
  }

  async #onParked<Result>(what: string, work: (session: NatsSession) => Promise<Result>): Promise<Result> {
    const session = await this.#link.sessionFor(what, PARKED_CONNECT_WAIT_MS);
    try {
      return await work(session);
    } catch (error) {
      throw brokerError(what, error);
    }
  }
}

/** What the server or the library said, as one of our errors. @param doing What we were doing. */
function brokerError(doing: string, cause: unknown): DroverError {
  if (isDroverError(cause)) return cause;
  if (permissionViolation(cause) !== undefined) {
    return new DroverError("forbidden", `${doing}: the NATS server does not let our user publish there`, { cause });
  }
  return new DroverError("unavailable", doing, { cause });
}
