import { type Clock, errorChain, type Logger, serializeError } from "@drover/model";
import type { RequestEnvelope } from "../envelope.ts";
import { parkedRecord } from "../parked.ts";
import { RecentIds } from "../recent-ids.ts";
import type { RequestRunner, Settlement } from "../request-runner.ts";
import { WorkUnderWay } from "../work-under-way.ts";
import { acknowledge, expirationOf, type Incoming, requeue } from "./incoming.ts";
import { park } from "./parked-queue.ts";
import { type Origin, originHeaders } from "./vouched-sender.ts";

/** Between attempts to park a message; it stays unacknowledged meanwhile. */
const PARK_RETRY_MS = 1_000;

export interface CastIntakeOptions {
  /** Name of this server within its topic. */
  readonly server: string;
  /** Its queue for what goes to all. */
  readonly fanoutQueue: string;
  readonly runner: RequestRunner;
  readonly originOf: (incoming: Incoming) => Origin;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Runs one server's casts and settles them, none before it has run or is parked.
 *
 * A classic queue says only that it delivered a message before, not how often. So a cast that comes again, and that this
 * process knows nothing of, is not run: a copy that counts the try takes its place at the end of the queue.
 */
export class CastIntake {
  readonly #options: CastIntakeOptions;
  readonly #seen = new RecentIds();
  /** Casts under way, by unique id: each time that one comes again it is settled by the run that has begun. */
  readonly #underWay = new Map<string, Incoming[]>();
  /** Copies that the broker has not confirmed. It may deliver one before: then what it replaces is settled first. */
  readonly #copies = new Map<string, Promise<void>>();
  readonly #settling = new WorkUnderWay();
  readonly #closing = new AbortController();

  constructor(options: CastIntakeOptions) {
    this.#options = options;
  }

  receive(incoming: Incoming, request: RequestEnvelope): void {
    const { uniqueId } = request;
    if (this.#seen.has(uniqueId)) {
      acknowledge(incoming);
      return;
    }
    const copying = this.#copies.get(uniqueId);
    if (copying !== undefined) {
      this.#settling.add(copying.then(() => this.receive(incoming, request)));
      return;
    }
    const underWay = this.#underWay.get(uniqueId);
    if (underWay !== undefined) {
      underWay.push(incoming);
      return;
    }
    const { redelivered } = incoming.message.fields;
    const origin = this.#options.originOf(incoming);
    const fanout = this.#isFanout(incoming);
    if (redelivered && !fanout) {
      const copy = this.#sendCopy(incoming, { ...origin, lostTries: origin.lostTries + 1 });
      this.#copies.set(uniqueId, copy);
      this.#settling.add(copy.then(() => void this.#copies.delete(uniqueId)));
      return;
    }
    this.#underWay.set(uniqueId, [incoming]);
    this.#options.runner.accept({
      request,
      sender: origin.sender,
      lostTries: fanout ? 0 : origin.lostTries,
      redelivered,
      fanout,
      taken: () => {},
      reply: () => {},
      settled: (outcome) => this.#settling.add(this.#settle(incoming, request, outcome)),
    });
  }

  /** Sets aside what is no request at all. */
  reject(incoming: Incoming, error: unknown): void {
    const { message, queue } = incoming;
    this.#options.logger.warn(
      { reason: errorChain(error), bytes: message.content.length, queue },
      "a message is no request",
    );
    if (this.#isFanout(incoming)) acknowledge(incoming);
    else {
      const parked = this.#park(incoming, undefined, { reason: serializeError(error), tries: 1 });
      this.#settling.add(parked.then(() => {}));
    }
  }

  /** After the handlers have ended: resolves when what they left is settled, or back in its queue. Never rejects. */
  async finish(): Promise<void> {
    this.#closing.abort();
    await this.#settling.done();
  }

  #isFanout({ queue }: Incoming): boolean {
    return queue === this.#options.fanoutQueue;
  }

  async #settle(incoming: Incoming, request: RequestEnvelope, outcome: Settlement): Promise<void> {
    const { uniqueId } = request;
    const stays = await this.#settleFirst(incoming, request, outcome);
    const again = this.#underWay.get(uniqueId) ?? [];
    this.#underWay.delete(uniqueId);
    // The first was settled above, by its place in the queue or for good.
    for (const later of again.slice(1)) {
      if (stays) requeue(later);
      else acknowledge(later);
    }
  }

  /** Whether the message is still to be run. */
  async #settleFirst(incoming: Incoming, request: RequestEnvelope, outcome: Settlement): Promise<boolean> {
    switch (outcome.kind) {
      case "park":
        return !(await this.#park(incoming, request, outcome));
      case "again":
        await this.#sendCopy(incoming, this.#options.originOf(incoming));
        return true;
      case "done":
        this.#seen.add(request.uniqueId);
        acknowledge(incoming);
        return false;
    }
  }

  /**
   * Sets a message aside and only then acknowledges it; while that cannot be done it stays, unacknowledged. False when it
   * is in its queue again: the server closes, or the connection that brought it is gone.
   */
  async #park(
    incoming: Incoming,
    request: RequestEnvelope | undefined,
    { reason, tries }: Omit<Settlement & { readonly kind: "park" }, "kind">,
  ): Promise<boolean> {
    const { clock, server, logger } = this.#options;
    const { queue, message, session } = incoming;
    const record = parkedRecord({ queue, server, body: message.content, request, reason, tries }, clock);
    const origin = this.#options.originOf(incoming);
    for (;;) {
      try {
        await park(session, record, origin);
        acknowledge(incoming);
        logger.warn(
          { id: record.id, queue, method: record.method, requestId: record.requestId, reason: reason.message, tries },
          "parked a message; see `drover bus parked`",
        );
        return true;
      } catch (error) {
        logger.warn({ queue, reason: errorChain(error) }, "a message could not be parked; it stays in its queue");
      }
      const ended = AbortSignal.any([this.#closing.signal, session.lost]);
      await clock.sleep(PARK_RETRY_MS, ended).catch(() => {});
      if (!ended.aborted) continue;
      requeue(incoming);
      return false;
    }
  }

  /** Puts a copy at the end of the message's own queue in its place; if that fails the message goes back itself. */
  async #sendCopy(incoming: Incoming, origin: Origin): Promise<void> {
    const { queue, message, session } = incoming;
    const expirationMs = expirationOf(incoming);
    try {
      // On the message's own connection: once that is lost, the broker has given the message to somebody already.
      const outcome = await session.publish({
        exchange: "",
        routingKey: queue,
        body: message.content,
        headers: originHeaders(origin),
        ...(expirationMs === undefined ? {} : { expirationMs: () => expirationMs }),
      });
      if (outcome === "queued") acknowledge(incoming);
      else requeue(incoming);
    } catch (error) {
      this.#options.logger.debug({ queue, reason: errorChain(error) }, "a message went back to its queue");
      requeue(incoming);
    }
  }
}
