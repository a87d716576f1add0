import { DroverError } from "@drover/model";
import type { Channel, GetMessage } from "amqplib";
import { nobodyServes } from "../outgoing.ts";
import {
  MAX_PARKED,
  noSuchParked,
  type ParkedMessage,
  type ParkedRecord,
  parkedBody,
  parkedMessage,
  type Release,
  readParkedRecord,
} from "../parked.ts";
import type { Trust } from "../sender.ts";
import type { AmqpSession } from "./amqp-session.ts";
import { declareParkedQueue, PARKED_QUEUE } from "./topology.ts";
import { type Origin, originHeaders, parkedOrigin } from "./vouched-sender.ts";

/**
 * Parks a message: it is on the broker's disk when this resolves.
 *
 * @throws when it could not be parked; whatever it was made from must stay where it is.
 */
export async function park(
  session: Pick<AmqpSession, "publish" | "scratch">,
  record: ParkedRecord,
  origin: Origin,
): Promise<void> {
  const message = {
    exchange: "",
    routingKey: PARKED_QUEUE,
    body: Buffer.from(JSON.stringify(record)),
    headers: originHeaders({ ...origin, lostTries: 0 }),
  };
  if ((await session.publish(message)) !== "returned") return;
  await session.scratch(declareParkedQueue);
  if ((await session.publish(message)) === "queued") return;
  throw new DroverError("unavailable", `the queue ${PARKED_QUEUE} is not there`);
}

/** Reads the queue of parked messages and puts back what it took, in its order. One reader of a process at a time. */
export class ParkedQueue {
  readonly #trust: Trust;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  /** @param tooLate Aborted when nobody waits for it any more. */
  list(session: AmqpSession, limit: number, tooLate: AbortSignal): Promise<readonly ParkedMessage[]> {
    return this.#inTurn(tooLate, async () => {
      const messages: ParkedMessage[] = [];
      await this.#read(session, async ({ content }) => {
        const record = readParkedRecord(content);
        if (record !== undefined) messages.push(parkedMessage(record));
        return messages.length >= limit;
      });
      return messages;
    });
  }

  /**
   * @param tooLate Aborted when nobody waits for it any more: then it stays parked, unless it was under way.
   * @throws {DroverError} `not-found`; `agent-unreachable` when its queue is gone, `refused` when it was too large to be
   *   kept: it stays parked.
   */
  release(session: AmqpSession, id: string, release: Release, tooLate: AbortSignal): Promise<void> {
    return this.#inTurn(tooLate, async () => {
      let found = false;
      await this.#read(session, async (message, channel) => {
        const record = readParkedRecord(message.content);
        if (record?.id !== id) return false;
        found = true;
        tooLate.throwIfAborted();
        if (release === "send-again") await this.#sendAgain(session, message, record, tooLate);
        channel.ack(message);
        return true;
      });
      if (!found) throw noSuchParked(id);
    });
  }

  async #sendAgain(
    session: AmqpSession,
    { properties }: GetMessage,
    record: ParkedRecord,
    tooLate: AbortSignal,
  ): Promise<void> {
    const origin = { ...parkedOrigin(properties, record.queue, this.#trust), lostTries: 0 };
    const outcome = await session.publish({
      exchange: "",
      routingKey: record.queue,
      body: parkedBody(record),
      headers: originHeaders(origin),
      isWanted: () => !tooLate.aborted,
    });
    if (outcome === "unwanted") tooLate.throwIfAborted();
    if (outcome === "returned") throw nobodyServes(record.method ?? "a parked message", record.queue);
  }

  /** Oldest first, until `visit` says that it is done. What it did not acknowledge goes back when the channel ends. */
  async #read(session: AmqpSession, visit: (message: GetMessage, channel: Channel) => Promise<boolean>): Promise<void> {
    if (!(await session.exists((channel) => channel.checkQueue(PARKED_QUEUE)))) return;
    await session.scratch(async (channel) => {
      for (let count = 0; count < MAX_PARKED; count += 1) {
        const message = await channel.get(PARKED_QUEUE);
        if (message === false || (await visit(message, channel))) return;
      }
    });
  }

  #inTurn<Result>(tooLate: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(() => {
      tooLate.throwIfAborted();
      return work();
    });
    this.#turn = done.catch(() => {});
    return done;
  }
}
