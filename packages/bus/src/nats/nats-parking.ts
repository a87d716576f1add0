import { type Clock, DroverError } from "@drover/model";
import type { StoredMsg } from "@nats-io/jetstream";
import { decodeRequest, encodeRequest, isObject, newMessageId } from "../envelope.ts";
import {
  noSuchParked,
  type ParkedMessage,
  type ParkedRecord,
  parkedMessage,
  parkedRecord,
  type Release,
} from "../parked.ts";
import { agentUser, isTrusted, type Trust } from "../sender.ts";
import type { ParkingRequest } from "./cast-intake.ts";
import type { NatsSession } from "./nats-session.ts";
import { ensureStreams, isNoJetStream, isStreamMissing, PARKED_STREAM } from "./streams.ts";
import { castSubject, PARKED_SUBJECTS, parkedSubject, senderOf } from "./subjects.ts";

/** Stores what `server` gave up on, as our own user's. Rejects when it cannot. */
export async function park(
  session: NatsSession,
  by: { readonly server: string; readonly sender: string; readonly clock: Clock },
  message: ParkingRequest,
): Promise<void> {
  const record = parkedRecord({ ...message, server: by.server }, by.clock);
  const body = Buffer.from(JSON.stringify(record));
  session.assertFits(body);
  try {
    await session.js.publish(parkedSubject(by.sender), body, { msgID: record.id });
  } catch (error) {
    // Nothing takes it: nobody has created the stream.
    if (!isNoJetStream(error)) throw error;
    await ensureStreams(session);
    await session.js.publish(parkedSubject(by.sender), body, { msgID: record.id });
  }
}

/** The oldest first. */
export async function listParked(session: NatsSession, limit: number): Promise<readonly ParkedMessage[]> {
  const messages: ParkedMessage[] = [];
  for (let seq = 1; messages.length < limit; seq += 1) {
    const stored = await storedMessage(session, { seq, next_by_subj: PARKED_SUBJECTS });
    if (stored === undefined) break;
    seq = stored.seq;
    const record = readRecord(stored);
    if (record !== undefined) messages.push({ ...parkedMessage(record), id: parkedId(stored, record) });
  }
  return messages;
}

/**
 * Sends a parked message again, or throws it away. What is sent again is vouched for by us, so a server is believed only
 * about its own queue: otherwise a taken-over host would park what it wants others to obey.
 *
 * @throws {DroverError} `not-found` when it is not parked any more; `refused` when it is not its server's to park.
 */
export async function releaseParked(
  session: NatsSession,
  by: { readonly sender: string; readonly trust: Trust },
  id: string,
  release: Release,
): Promise<void> {
  const seq = Number(/^(\d+)-/.exec(id)?.[1]);
  const stored = Number.isSafeInteger(seq) ? await storedMessage(session, { seq }) : undefined;
  const record = stored === undefined ? undefined : readRecord(stored);
  if (stored === undefined || record === undefined || parkedId(stored, record) !== id) {
    throw noSuchParked(id);
  }
  if (release === "send-again") await sendAgain(session, by, senderOf(stored.subject), record);
  await session.jsm.streams.deleteMessage(PARKED_STREAM, stored.seq, false);
}

async function sendAgain(
  session: NatsSession,
  { sender, trust }: { readonly sender: string; readonly trust: Trust },
  parkedBy: string,
  { queue, body }: ParkedRecord,
): Promise<void> {
  const dot = queue.indexOf(".");
  const topic = dot === -1 ? queue : queue.slice(0, dot);
  const server = dot === -1 ? undefined : queue.slice(dot + 1);
  if (!isTrusted(parkedBy, trust) && (server === undefined || parkedBy !== agentUser(server))) {
    throw new DroverError("refused", `the user ${parkedBy} parked a message of ${queue}, which is not its own`);
  }
  await session.js.publish(castSubject(topic, server, sender), asNew(Buffer.from(body, "base64")));
}

/** With an id of its own: servers pass over what they have dealt with. What cannot be read stays as it is. */
function asNew(body: Buffer): Buffer {
  try {
    return encodeRequest({ ...decodeRequest(body), uniqueId: newMessageId() }, "bare");
  } catch {
    return body;
  }
}

/** Names the message by its place in the stream, and tells it from another at the same place of a stream made anew. */
function parkedId({ seq }: StoredMsg, { id }: ParkedRecord): string {
  return `${seq}-${id}`;
}

async function storedMessage(
  { jsm }: NatsSession,
  query: { seq: number; next_by_subj?: string },
): Promise<StoredMsg | undefined> {
  try {
    return (await jsm.streams.getMessage(PARKED_STREAM, query)) ?? undefined;
  } catch (error) {
    if (isStreamMissing(error)) return undefined;
    throw error;
  }
}

/** Whoever may park may write anything: what is no record of ours is passed over. */
function readRecord(stored: StoredMsg): ParkedRecord | undefined {
  let value: unknown;
  try {
    value = stored.json();
  } catch {
    return undefined;
  }
  return isParkedRecord(value) ? value : undefined;
}

function isParkedRecord(value: unknown): value is ParkedRecord {
  if (!isObject(value) || !isObject(value.reason)) return false;
  const { reason, method, requestId } = value;
  return (
    [value.id, value.queue, value.server, value.body, reason.code, reason.message].every(
      (field) => typeof field === "string",
    ) &&
    [method, requestId].every((field) => field === null || typeof field === "string") &&
    [value.tries, value.parkedAtMs].every((field) => typeof field === "number")
  );
}
