/**
 * Subjects on NATS. The last token of each is the sender's user: a server lets a user publish only to subjects that end in
 * its own name, and so vouches for it, as RabbitMQ does by `user_id`.
 *
 * - `drover.call.<topic>.<server>.<sender>` and `drover.cast.<topic>.<server>.<sender>`; the server is `_` for any.
 * - `drover.fanout.<topic>.<sender>`
 * - `drover.reply.<caller>.<process>.<message id>`, which only the caller may subscribe to; the id cannot be guessed.
 * - `drover.parked.<server's user>`
 */
const ANY_SERVER = "_";
export const REPLY_PREFIX = "drover.reply.";

/** Of every cast that waits for its server. */
export const CAST_SUBJECTS = "drover.cast.>";
/** Of every parked message. */
export const PARKED_SUBJECTS = "drover.parked.>";

/**
 * A name as one token: all but letters, digits and `-` as `=` and two hex digits for each byte of its UTF-8; so are `_`
 * (any server) and what NATS gives a meaning to (`.`, `*`, `>`, space). Not `%`: nats-server 2.9 formats the subjects of
 * acknowledgements with the consumer's name in the format.
 */
export function encodeToken(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9-]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/** In the sender's place: for whoever subscribes. */
export const ANYBODY = "*";

/** `sender`, here and below, is a token: an encoded user, or {@link ANYBODY}. */
export function callSubject(topic: string, server: string | undefined, sender: string): string {
  return `drover.call.${target(topic, server)}.${sender}`;
}

export function castSubject(topic: string, server: string | undefined, sender: string): string {
  return `drover.cast.${target(topic, server)}.${sender}`;
}

export function fanoutSubject(topic: string, sender: string): string {
  return `drover.fanout.${encodeToken(topic)}.${sender}`;
}

export function parkedSubject(sender: string): string {
  return `drover.parked.${sender}`;
}

/** Where a process's answers go: {@link REPLY_PREFIX}, the caller, and a name for the process. */
export function replyInbox(sender: string, process: string): string {
  return `${REPLY_PREFIX}${sender}.${process}`;
}

/** Prefix of the client library's own inboxes, for answers of JetStream. */
export function inboxPrefix(sender: string): string {
  return `_INBOX.${sender}`;
}

/** Durable consumer of a target's casts. `_` stands in no encoded token, so no two targets share a name. */
export function consumerName(topic: string, server: string | undefined): string {
  return server === undefined ? encodeToken(topic) : `${encodeToken(topic)}_${encodeToken(server)}`;
}

const senders = new Map<string, string>();
const MAX_SENDERS = 20_000;

/** The user that the server let publish to this subject. */
export function senderOf(subject: string): string {
  const token = subject.slice(subject.lastIndexOf(".") + 1);
  let sender = senders.get(token);
  if (sender !== undefined) return sender;
  sender = decodeToken(token);
  if (senders.size >= MAX_SENDERS) senders.clear();
  senders.set(token, sender);
  return sender;
}

/** A token that nobody encoded is taken as it stands: it is no name of ours then. */
function decodeToken(token: string): string {
  try {
    const name = decodeURIComponent(token.replaceAll("=", "%"));
    return encodeToken(name) === token ? name : token;
  } catch {
    return token;
  }
}

function target(topic: string, server: string | undefined): string {
  return `${encodeToken(topic)}.${server === undefined ? ANY_SERVER : encodeToken(server)}`;
}
