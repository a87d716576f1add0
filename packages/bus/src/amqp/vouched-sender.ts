import type { MessageProperties } from "amqplib";
import { queueTarget } from "../outgoing.ts";
import { isTrusted, maySpeakFor, type Sender, type Trust } from "../sender.ts";

/**
 * Headers of a message that one of us published in the place of another's: a cast whose server died, a parked message
 * sent again. They say whose it was. RabbitMQ vouches for the `user_id` of whoever wrote them, so they are believed from
 * those who could have sent the message themselves, and from nobody else.
 */
const SENDER_HEADER = "x-drover-sender";
const EXCHANGE_HEADER = "x-drover-exchange";
const TRIES_HEADER = "x-drover-tries";
/**
 * The broker adds it, and nobody can take it off, to what it passes on from a queue with a dead-letter exchange; the `user_id` of
 * whoever had sent it stays. Whose queue that was decides where it goes, so it is nobody's word.
 */
const DEAD_LETTER_HEADER = "x-death";
const NOBODYS: Origin = { sender: { user: null, throughExchange: false }, lostTries: 0 };

/** Where a message comes from, and how often a server ended over it. */
export interface Origin {
  readonly sender: Sender;
  readonly lostTries: number;
}

export function originOf(
  { properties, fields }: { readonly properties: MessageProperties; readonly fields: { readonly exchange: string } },
  controlExchange: string,
  trust: Trust,
): Origin {
  const user = userOf(properties);
  const headers: Readonly<Record<string, unknown>> = properties.headers ?? {};
  if (DEAD_LETTER_HEADER in headers) return NOBODYS;
  if (SENDER_HEADER in headers && isTrusted(user, trust)) return originFrom(headers);
  return { sender: { user, throughExchange: fields.exchange === controlExchange }, lostTries: 0 };
}

/** Whose a parked message was: what the one who parked it says, where that one may speak for its queue. */
export function parkedOrigin(properties: MessageProperties, queue: string, trust: Trust): Origin {
  const user = userOf(properties);
  if (DEAD_LETTER_HEADER in (properties.headers ?? {})) return NOBODYS;
  if (maySpeakFor(user, queueTarget(queue).server, trust)) return originFrom(properties.headers ?? {});
  return { sender: { user, throughExchange: false }, lostTries: 0 };
}

export function originHeaders({ sender, lostTries }: Origin): Record<string, unknown> {
  return {
    [SENDER_HEADER]: sender.user ?? "",
    ...(sender.throughExchange ? { [EXCHANGE_HEADER]: true } : {}),
    ...(lostTries === 0 ? {} : { [TRIES_HEADER]: lostTries }),
  };
}

function originFrom(headers: Readonly<Record<string, unknown>>): Origin {
  const user = headers[SENDER_HEADER];
  const tries = headers[TRIES_HEADER];
  return {
    sender: {
      user: typeof user === "string" && user !== "" ? user : null,
      throughExchange: headers[EXCHANGE_HEADER] === true,
    },
    lostTries: typeof tries === "number" && Number.isSafeInteger(tries) && tries > 0 ? tries : 0,
  };
}

/** The broker has checked it: it refuses a message with another's name. */
function userOf(properties: MessageProperties): string | null {
  const user: unknown = properties.userId;
  return typeof user === "string" ? user : null;
}
