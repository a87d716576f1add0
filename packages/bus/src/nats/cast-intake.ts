import { type Clock, DroverError, errorChain, type Logger, type SerializedError, serializeError } from "@drover/model";
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { type BrokerLink, retryDelayMs } from "../broker-link.ts";
import { decodeRequest, type RequestEnvelope } from "../envelope.ts";
import { RecentIds } from "../recent-ids.ts";
import type { RequestRunner, Settlement } from "../request-runner.ts";
import type { Trust } from "../sender.ts";
import { WorkUnderWay } from "../work-under-way.ts";
import { type CastTarget, castTarget, ensureCastConsumer, isCastConsumerRefused } from "./cast-consumer.ts";
import { type NatsSession, permissionViolation } from "./nats-session.ts";
import { CAST_STREAM, isNoJetStream, isStreamMissing } from "./streams.ts";
import { senderOf } from "./subjects.ts";
import { originOf } from "./vouched-sender.ts";

/** How often we say that we are still at it. */
const WORKING_INTERVAL_MS = 3_000;
/** One request for messages stands this long at the server. */
const PULL_EXPIRES_MS = 60_000;
/**
 * The server says so often that such a request still stands. Of a stream that goes, it does not always tell: a request that
 * it forgot is given up after two of these, and not after the minute of the library's own choice.
 */
const PULL_HEARTBEAT_MS = 3_000;
/** How long the answer to a delivery waits for our own connection: the server gives it out again long before. */
const ANSWER_LIMIT_MS = 60_000;
/** A cast whose parking failed comes again after this. */
const PARK_RETRY_MS = 30_000;
/** Beyond these, one whose parking failed is tried anew when it comes again. */
const MAX_UNPARKED = 10_000;

/**
 * Casts remembered after they were settled. One whose answer was lost with a connection comes again within the
 * 10 s of its consumer, or as soon as there is a connection after it: this reaches over twice that at 3,000 casts a second.
 */
const REMEMBERED_CASTS = 65_536;

/** What JetStream takes for an answer, on the reply subject of a delivery; from any connection of ours. */
const DONE = Buffer.from("+ACK");
const AGAIN = Buffer.from("-NAK");
const WORKING = Buffer.from("+WPI");
const againAfter = (ms: number) => Buffer.from(`-NAK ${JSON.stringify({ delay: nanos(ms) })}`);

export interface CastIntakeOptions {
  readonly link: BrokerLink<NatsSession>;
  readonly topic: string;
  readonly server: string;
  readonly maxInFlight: number;
  readonly runner: RequestRunner;
  readonly trust: Trust;
  /** Stores what we give up on; rejects when it cannot. */
  readonly park: (message: ParkingRequest) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface ParkingRequest {
  readonly queue: string;
  /** The user that sent it. */
  readonly sender: string;
  readonly body: Buffer;
  readonly request: RequestEnvelope | undefined;
  readonly reason: SerializedError;
  readonly tries: number;
}

interface UnderWay {
  readonly target: CastTarget;
  readonly sender: string;
  /** As it came last: its acknowledgement is the one that counts. */
  message: JsMsg;
}

/**
 * Takes one server's casts from the stream, no more than `maxInFlight` of each target at a time, and settles them.
 *
 * What comes again while its run is under way here is settled by that run; what comes again after it is recognised by its
 * id, among the last {@link REMEMBERED_CASTS}. So a lost connection has no second effect in this process, unless it takes
 * more casts than those before the broker gives one out again.
 */
export class CastIntake {
  readonly #options: CastIntakeOptions;
  readonly #targets: readonly CastTarget[];
  readonly #logger: Logger;
  readonly #seen = new RecentIds(REMEMBERED_CASTS);
  readonly #underWay = new Map<string, UnderWay>();
  /** Given up on and not parked yet, by id: they come again to be parked, not to be run. */
  readonly #unparked = new Map<string, Settlement>();
  readonly #settling = new WorkUnderWay();
  readonly #closing = new AbortController();
  readonly #finished = new AbortController();
  #settled = Promise.withResolvers<void>();

  constructor(options: CastIntakeOptions) {
    const { topic, server, logger } = options;
    this.#options = options;
    this.#logger = logger;
    this.#targets = [castTarget(topic, undefined), castTarget(topic, server)];
    void this.#keepWorking();
  }

  /**
   * Takes casts over this connection until it is lost. Resolves when the consumers are there, or are known to be missing:
   * then they are asked for again until there is a stream to have them.
   *
   * @throws `PermissionViolationError` when the server does not let us have our own casts.
   */
  async start(session: NatsSession): Promise<void> {
    await Promise.all(
      this.#targets.map(async (target) => {
        let consumer: Consumer | undefined;
        try {
          consumer = await ensureCastConsumer(session, target);
        } catch (error) {
          if (isCastConsumerRefused(error, target)) {
            if (target.server !== undefined) throw error;
            this.#logger.info({ queue: target.queue }, "not allowed to take casts for any server of the topic");
            return;
          }
          this.#warn(error, target, retryDelayMs(1, 1));
        }
        void this.#take(session, target, consumer);
      }),
    );
  }

  /** Takes no more. What is under way goes on. */
  stop(): void {
    this.#closing.abort();
  }

  /** After the handlers have ended: resolves when what they left is settled. Never rejects. */
  async finish(): Promise<void> {
    this.stop();
    await this.#settling.done();
    this.#finished.abort();
  }

  /** Takes casts until the connection is lost or we stop. Never rejects. */
  async #take(session: NatsSession, target: CastTarget, existing: Consumer | undefined): Promise<void> {
    const ended = AbortSignal.any([session.lost, this.#closing.signal]);
    let consumer = existing;
    for (let failures = consumer === undefined ? 1 : 0; !ended.aborted; ) {
      try {
        if (failures > 0) await this.#options.clock.sleep(retryDelayMs(failures, Math.random()), ended);
        consumer ??= await ensureCastConsumer(session, target);
        if (failures > 0) this.#logger.info({ queue: target.queue }, "casts are being taken");
        failures = 0;
        while (!ended.aborted) await this.#pull(consumer, target, ended);
      } catch (error) {
        if (ended.aborted) return;
        consumer = undefined;
        failures += 1;
        this.#warn(error, target, retryDelayMs(failures, 1));
      }
    }
  }

  /** One request to the server: as many as we have room for. */
  async #pull(consumer: Consumer, target: CastTarget, ended: AbortSignal): Promise<void> {
    const room = await this.#room(target, ended);
    if (room === 0) return;
    const messages: ConsumerMessages = await consumer.fetch({
      max_messages: room,
      expires: PULL_EXPIRES_MS,
      idle_heartbeat: PULL_HEARTBEAT_MS,
    });
    const stop = () => void messages.close();
    ended.addEventListener("abort", stop, { once: true });
    try {
      if (ended.aborted) stop();
      for await (const message of messages) this.#receive(message, target);
    } finally {
      ended.removeEventListener("abort", stop);
    }
  }

  /** How many more we may hold of a target; waits until it is one at least. 0 when we ended first. */
  async #room(target: CastTarget, ended: AbortSignal): Promise<number> {
    while (!ended.aborted) {
      let room = this.#options.maxInFlight;
      for (const held of this.#underWay.values()) if (held.target === target) room -= 1;
      if (room > 0) return room;
      const { promise, resolve } = Promise.withResolvers<void>();
      const onEnded = () => resolve();
      ended.addEventListener("abort", onEnded, { once: true });
      await Promise.race([this.#settled.promise, promise]);
      ended.removeEventListener("abort", onEnded);
    }
    return 0;
  }

  #receive(message: JsMsg, target: CastTarget): void {
    const body = Buffer.from(message.data);
    let sender = senderOf(message.subject);
    let request: RequestEnvelope;
    try {
      // Headers are parsed when they are looked at, and may be none.
      sender = originOf(message.subject, message.headers, this.#options.trust);
      request = decodeRequest(body);
      if (request.reply !== undefined) throw new DroverError("protocol", "a call came where only casts wait");
    } catch (error) {
      this.#hold(message.subject + message.seq, message, target, sender);
      const outcome = { kind: "park", reason: serializeError(error), tries: 1 } as const;
      this.#settle(message.subject + message.seq, body, undefined, outcome);
      return;
    }
    const { uniqueId } = request;
    if (this.#seen.has(uniqueId)) {
      this.#answerNow(message, DONE);
      return;
    }
    if (!this.#hold(uniqueId, message, target, sender)) return;
    const givenUp = this.#unparked.get(uniqueId);
    if (givenUp !== undefined) {
      this.#settle(uniqueId, body, request, givenUp);
      return;
    }
    this.#options.runner.accept({
      request,
      sender: { user: sender, throughExchange: false },
      redelivered: message.redelivered,
      lostTries: message.info.deliveryCount - 1,
      taken: () => {},
      reply: () => {},
      settled: (outcome) => this.#settle(uniqueId, body, request, outcome),
    });
  }

  /** False when it is under way already: then that run settles it. */
  #hold(id: string, message: JsMsg, target: CastTarget, sender: string): boolean {
    const held = this.#underWay.get(id);
    if (held !== undefined) held.message = message;
    else this.#underWay.set(id, { target, message, sender });
    return held === undefined;
  }

  #settle(id: string, body: Buffer, request: RequestEnvelope | undefined, outcome: Settlement): void {
    this.#settling.add(this.#settleHeld(id, body, request, outcome));
  }

  async #settleHeld(
    id: string,
    body: Buffer,
    request: RequestEnvelope | undefined,
    outcome: Settlement,
  ): Promise<void> {
    const held = this.#underWay.get(id);
    if (held === undefined) return;
    let answer = outcome.kind === "again" ? AGAIN : DONE;
    if (outcome.kind === "park") {
      const { reason, tries } = outcome;
      try {
        await this.#options.park({ queue: held.target.queue, sender: held.sender, body, request, reason, tries });
      } catch (err) {
        this.#logger.error({ err, queue: held.target.queue }, "a cast could not be parked; it comes again");
        answer = againAfter(PARK_RETRY_MS);
        if (this.#unparked.size < MAX_UNPARKED) this.#unparked.set(id, outcome);
      }
    }
    if (answer === DONE) {
      this.#seen.add(id);
      this.#unparked.delete(id);
    }
    await this.#answer(held.message, answer);
    this.#underWay.delete(id);
    this.#settled.resolve();
    this.#settled = Promise.withResolvers();
  }

  async #answer(message: JsMsg, answer: Buffer): Promise<void> {
    try {
      await this.#options.link.session(ANSWER_LIMIT_MS);
      this.#answerNow(message, answer);
    } catch (error) {
      this.#logger.warn({ reason: errorChain(error) }, "a cast could not be settled; it comes again");
    }
  }

  /** Without a connection the server hears nothing and gives the message out again: we know it by its id. */
  #answerNow(message: JsMsg, answer: Buffer): void {
    this.#options.link.present?.publish(answerSubject(message), answer);
  }

  /** Tells the server that what takes long is not lost. */
  async #keepWorking(): Promise<void> {
    try {
      for (;;) {
        await this.#options.clock.sleep(WORKING_INTERVAL_MS, this.#finished.signal);
        for (const { message } of this.#underWay.values()) this.#answerNow(message, WORKING);
      }
    } catch {
      // Finished.
    }
  }

  #warn(error: unknown, { queue }: CastTarget, retryInMs: number): void {
    if (isStreamMissing(error) || permissionViolation(error) !== undefined) {
      this.#logger.warn(
        { queue, stream: CAST_STREAM, retryInMs },
        "no casts can be taken: the stream is not there, and we may not create it; the control plane does",
      );
    } else if (isNoJetStream(error)) {
      this.#logger.error({ queue, retryInMs }, "no casts can be taken: the NATS server runs without JetStream");
    } else {
      this.#logger.warn({ queue, reason: errorChain(error), retryInMs }, "no casts can be taken");
    }
  }
}

/** Where the server hears what became of a delivery. The library's type lacks it, since it answers by itself: over the connection that the message came by. */
function answerSubject(message: JsMsg): string {
  if ("reply" in message && typeof message.reply === "string") return message.reply;
  throw new DroverError("internal", "a message of a stream does not say where its answer goes");
}
