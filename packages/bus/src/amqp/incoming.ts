import type { ConsumeMessage } from "amqplib";
import type { Acknowledgements } from "./acknowledgements.ts";
import type { AmqpSession } from "./amqp-session.ts";

/** A message as a topic's server got it, with what settles it. */
export interface Incoming {
  readonly queue: string;
  readonly message: ConsumeMessage;
  /** That it came by, and is settled by. */
  readonly session: Pick<AmqpSession, "publish" | "scratch" | "lost">;
  readonly acknowledgements: Acknowledgements;
}

/** It is done with. */
export function acknowledge({ acknowledgements, message }: Incoming): void {
  acknowledgements.ack(message);
}

/** Back to its queue, where it was. */
export function requeue({ acknowledgements, message }: Incoming): void {
  acknowledgements.requeue(message);
}

/** Milliseconds that it may wait, from the moment it was sent. */
export function expirationOf({ message }: Incoming): number | undefined {
  const expiration: unknown = message.properties.expiration;
  const expiresInMs = typeof expiration === "string" ? Number(expiration) : Number.NaN;
  return Number.isFinite(expiresInMs) ? expiresInMs : undefined;
}
