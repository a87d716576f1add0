import { type Clock, DroverError, errorChain, type Logger } from "@drover/model";
import type { Msg, Subscription } from "@nats-io/transport-node";
import type { BrokerLink } from "../broker-link.ts";
import type { RpcServer, ServeOptions } from "../bus.ts";
import { decodeRequest, encodeReply, newMessageId, type ReplyEnvelope, type RequestEnvelope } from "../envelope.ts";
import { failureOf } from "../failure.ts";
import { maxInFlightOf } from "../outgoing.ts";
import { RecentIds } from "../recent-ids.ts";
import { Replies } from "../replies.ts";
import { RequestRunner } from "../request-runner.ts";
import type { Trust } from "../sender.ts";
import { doneWithin } from "../work-under-way.ts";
import { CastIntake, type ParkingRequest } from "./cast-intake.ts";
import { park } from "./nats-parking.ts";
import type { NatsSession } from "./nats-session.ts";
import { ANYBODY, callSubject, encodeToken, fanoutSubject, REPLY_PREFIX, senderOf } from "./subjects.ts";

/** NATS holds no calls back: what waits here for a slot is ours to bound. */
const MAX_WAITING = 10_000;
/** How long a closing server tries to send its last replies and to settle its casts. */
const FLUSH_MS = 5_000;
/** How long parking a message waits for our own connection. */
const PARK_CONNECT_WAIT_MS = 60_000;

export interface NatsTopicServerOptions extends ServeOptions {
  readonly link: BrokerLink<NatsSession>;
  /** Our own user as a token. */
  readonly sender: string;
  readonly trust: Trust;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface OutgoingReply {
  readonly subject: string;
  readonly body: Buffer;
}

/**
 * Serves one topic: calls and fanouts come over plain subscriptions, casts from the stream.
 *
 * A call is pushed to us once; beyond {@link MAX_WAITING} that wait it is answered `unavailable`.
 */
export class NatsTopicServer implements RpcServer {
  readonly #options: NatsTopicServerOptions;
  readonly #logger: Logger;
  readonly #runner: RequestRunner;
  readonly #fanouts = new RecentIds();
  readonly #casts: CastIntake;
  readonly #replies: Replies<NatsSession, OutgoingReply>;
  #listening: { readonly session: NatsSession; readonly subscriptions: readonly Subscription[] } | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: NatsTopicServerOptions) {
    const { topic, server, handlers, link, trust, clock } = options;
    const logger = options.logger.child({ topic, server });
    this.#options = options;
    this.#logger = logger;
    const maxInFlight = maxInFlightOf(options);
    this.#runner = new RequestRunner({ handlers, maxInFlight, trust, logger, clock });
    this.#replies = new Replies({ link, write: publishReply, logger, clock });
    this.#casts = new CastIntake({
      link,
      topic,
      server,
      maxInFlight,
      runner: this.#runner,
      trust,
      park: (message) => this.#park(message),
      logger,
      clock,
    });
  }

  /** @throws when the server does not let us listen to our own subjects. */
  async start(): Promise<void> {
    await this.#options.link.addSetup(this.#setUp);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  readonly #setUp = async (session: NatsSession): Promise<void> => {
    const { topic, server } = this.#options;
    const refusals: Error[] = [];
    const listen = (subject: string, receive: (message: Msg) => void, queue?: string) =>
      session.subscribe(subject, {
        ...(queue === undefined ? {} : { queue }),
        callback: (error, message) => {
          if (error === null) receive(message);
          else refusals.push(error);
        },
      });
    const subscriptions = [
      listen(callSubject(topic, undefined, ANYBODY), this.#receiveCall, encodeToken(topic)),
      // Two processes by one name, when a frozen agent was replaced: a call is for one of them.
      listen(callSubject(topic, server, ANYBODY), this.#receiveCall, encodeToken(server)),
      listen(fanoutSubject(topic, ANYBODY), this.#receiveFanout),
    ];
    this.#listening = { session, subscriptions };
    // When this has come back the server has dealt with the subscriptions: whoever calls from now on finds us.
    await session.flush();
    try {
      if (refusals[0] !== undefined) throw refusals[0];
      await this.#casts.start(session);
    } catch (error) {
      await this.#stopListening();
      throw error;
    }
    // Closed while a new connection was being set up: what was just asked for is not ours to take any more.
    if (this.#closed !== undefined) await this.#stopListening();
  };

  readonly #receiveCall = (message: Msg): void => {
    const { reply: replySubject } = message;
    const request = this.#read(message);
    // A reply subject of the caller's choosing must not make us publish where it may not.
    if (request?.reply === undefined || !replySubject?.startsWith(REPLY_PREFIX)) {
      if (request !== undefined)
        this.#logger.warn({ subject: message.subject }, "dropped a call without its reply subject");
      return;
    }
    const { messageId } = request.reply;
    const dueMs = this.#replies.dueMs(request.deadline?.ttlMs);
    const send = (reply: ReplyEnvelope) =>
      this.#replies.send({ subject: replySubject, body: encodeReply(reply, "bare") }, dueMs);
    if (this.#runner.waiting >= MAX_WAITING) {
      const busy = new DroverError(
        "unavailable",
        `${request.method} was not run: ${MAX_WAITING} requests wait already`,
      );
      send({ messageId, uniqueId: newMessageId(), result: null, failure: failureOf(busy), ending: true });
      return;
    }
    this.#runner.accept({
      request,
      sender: { user: senderOf(message.subject), throughExchange: false },
      lostTries: 0,
      redelivered: false,
      taken: () => {},
      reply: send,
      settled: () => {},
    });
  };

  readonly #receiveFanout = (message: Msg): void => {
    const request = this.#read(message);
    // Ours come with a reply subject, for the answer that nobody is there. What a consumer of a stream delivers has
    // another: so nobody can let the server say a second time what it once let somebody say.
    if (request === undefined || !message.reply?.startsWith(REPLY_PREFIX)) return;
    if (request.reply !== undefined || this.#runner.waiting >= MAX_WAITING) {
      this.#logger.warn({ method: request.method, waiting: this.#runner.waiting }, "dropped a fanout");
      return;
    }
    // Sent once more where the connection broke before the sender knew that it had gone out.
    if (this.#fanouts.has(request.uniqueId)) return;
    this.#fanouts.add(request.uniqueId);
    this.#runner.accept({
      request,
      sender: { user: senderOf(message.subject), throughExchange: false },
      fanout: true,
      lostTries: 0,
      redelivered: false,
      taken: () => {},
      reply: () => {},
      settled: () => {},
    });
  };

  #read({ data, subject }: Msg): RequestEnvelope | undefined {
    try {
      return decodeRequest(Buffer.from(data.buffer, data.byteOffset, data.length));
    } catch (error) {
      this.#logger.warn(
        { reason: errorChain(error), bytes: data.length, sender: senderOf(subject) },
        "dropped a message that is no request",
      );
      return undefined;
    }
  }

  async #park(message: ParkingRequest): Promise<void> {
    const { link, server, sender, clock } = this.#options;
    await park(await link.session(PARK_CONNECT_WAIT_MS), { server, sender, clock }, message);
  }

  async #close(): Promise<void> {
    this.#options.link.removeSetup(this.#setUp);
    this.#casts.stop();
    await this.#stopListening();
    await this.#runner.close();
    const flushed = Promise.all([this.#replies.flushed(), this.#casts.finish()]);
    await doneWithin(flushed, FLUSH_MS, this.#options.clock);
    const session = this.#options.link.present;
    await session?.tidy(() => session.flush());
  }

  /** Takes no new message; those that are on their way still come. */
  async #stopListening(): Promise<void> {
    const { session, subscriptions = [] } = this.#listening ?? {};
    await session?.tidy(async () => Promise.allSettled(subscriptions.map((subscription) => subscription.drain())));
  }
}

/** @throws {DroverError} `internal` when it is larger than the server takes. */
function publishReply(session: NatsSession, { subject, body }: OutgoingReply): undefined {
  try {
    session.publish(subject, body);
  } catch (cause) {
    throw new DroverError("internal", "sending a reply", { cause });
  }
}
