import { createHash } from "node:crypto";
import type { Clock } from "@drover/model";
import type { StoredMsg } from "@nats-io/jetstream";
import { decodeRequest, encodeRequest } from "../envelope.ts";
import { CONFIRM_WAIT_MS, queueTarget } from "../outgoing.ts";
import {
  noSuchParked,
  type ParkedMessage,
  type ParkedRecord,
  parkedBody,
  parkedMessage,
  parkedRecord,
  type Release,
  readParkedRecord,
} from "../parked.ts";
import type { Trust } from "../sender.ts";
import type { ParkingRequest } from "./cast-intake.ts";
import type { NatsSession } from "./nats-session.ts";
import { ensureStreams, isNoJetStream, isStreamMissing, PARKED_STREAM } from "./streams.ts";
import { castSubject, PARKED_SUBJECTS, parkedSubject } from "./subjects.ts";
import { originHeader, parkedOrigin } from "./vouched-sender.ts";

/** Left free for the headers of a parked message: a user's name and an id. */
const HEADERS_BYTES = 2_048;

/** Stores what `server` gave up on, as our own user's. Rejects when it cannot. */
export async function park(
  session: NatsSession,
  by: { readonly server: string; readonly sender: string; readonly clock: Clock },
  message: ParkingRequest,
): Promise<void> {
  const record = parkedRecord({ ...message, server: by.server }, by.clock);
  const body = storedForm(record, session.maxMessageBytes);
  const options = { msgID: record.id, headers: originHeader(message.sender) };
  session.assertFits(body);
  try {
    await session.js.publish(parkedSubject(by.sender), body, options);
  } catch (error) {
    // Nothing takes it: nobody has created the stream.
    if (!isNoJetStream(error)) throw error;
    await ensureStreams(session);
    await session.js.publish(parkedSubject(by.sender), body, options);
  }
}

/** As it is stored: without its body where `maxBytes`, the server's `max_payload`, has no room for it. */
export function storedForm(record: ParkedRecord, maxBytes: number): Buffer {
  const whole = Buffer.from(JSON.stringify(record));
  if (whole.length + HEADERS_BYTES <= maxBytes) return whole;
  return Buffer.from(JSON.stringify({ ...record, body: null }));
}

/** The oldest first. */
export async function listParked(session: NatsSession, limit: number): Promise<readonly ParkedMessage[]> {
  const messages: ParkedMessage[] = [];
  for (let seq = 1; messages.length < limit; seq += 1) {
    const stored = await storedMessage(session, { seq, next_by_subj: PARKED_SUBJECTS });
    if (stored === undefined) break;
    seq = stored.seq;
    const record = readParkedRecord(stored.data);
    if (record !== undefined) messages.push({ ...parkedMessage(record), id: parkedId(stored, record) });
  }
  return messages;
}

/**
 * Sends a parked message again, as its sender's, or throws it away. Of several that do so at the same time one succeeds.
 *
 * @throws {DroverError} `not-found` when it is not parked any more, or somebody else is sending it. `refused` when its body
 * was too large to keep.
 */
export async function releaseParked(
  session: NatsSession,
  by: { readonly sender: string; readonly trust: Trust },
  id: string,
  release: Release,
): Promise<void> {
  const seq = Number(/^([1-9]\d*)-/.exec(id)?.[1]);
  const stored = Number.isSafeInteger(seq) ? await storedMessage(session, { seq }) : undefined;
  const record = stored === undefined ? undefined : readParkedRecord(stored.data);
  if (stored === undefined || record === undefined || parkedId(stored, record) !== id) {
    throw noSuchParked(id);
  }
  const isOurs = release === "discard" || (await sendAgain(session, by, stored, { ...record, id }));
  // What somebody sent and did not live to delete goes as well.
  const isDeleted = await deleteParked(session, seq);
  if (!isOurs || (release === "discard" && !isDeleted)) throw noSuchParked(id);
}

/**
 * False when it was sent again already. One parked message has one id on its way back: within two minutes the stream takes
 * it once, and its server runs it once for as long as it remembers.
 */
async function sendAgain(
  session: NatsSession,
  { sender, trust }: { readonly sender: string; readonly trust: Trust },
  stored: StoredMsg,
  record: ParkedRecord,
): Promise<boolean> {
  const { topic, server } = queueTarget(record.queue);
  const headers = originHeader(parkedOrigin(stored.subject, stored.header, server, trust));
  const uniqueId = createHash("sha256").update(record.id).digest("hex").slice(0, 32);
  const body = asNew(parkedBody(record), uniqueId);
  session.assertFits(body);
  const { duplicate } = await session.js.publish(castSubject(topic, server, sender), body, {
    headers,
    msgID: uniqueId,
    timeout: CONFIRM_WAIT_MS,
  });
  return !duplicate;
}

/** With an id of its own: servers pass over what they have dealt with. What cannot be read stays as it is. */
function asNew(body: Buffer, uniqueId: string): Buffer {
  try {
    return encodeRequest({ ...decodeRequest(body), uniqueId }, "bare");
  } catch {
    return body;
  }
}

/** False when it was gone. */
async function deleteParked(session: NatsSession, seq: number): Promise<boolean> {
  try {
    return await session.jsm.streams.deleteMessage(PARKED_STREAM, seq, false);
  } catch (error) {
    // The server has several answers for that, one for each way of storing.
    if ((await storedMessage(session, { seq })) === undefined) return false;
    throw error;
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
