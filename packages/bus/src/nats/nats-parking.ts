import type { Clock } from "@drover/model";
import type { StoredMsg } from "@nats-io/jetstream";
import { decodeRequest, encodeRequest, newMessageId } from "../envelope.ts";
import { queueTarget } from "../outgoing.ts";
import {
  noSuchParked,
  type ParkedMessage,
  type ParkedRecord,
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

/** Stores what `server` gave up on, as our own user's. Rejects when it cannot. */
export async function park(
  session: NatsSession,
  by: { readonly server: string; readonly sender: string; readonly clock: Clock },
  message: ParkingRequest,
): Promise<void> {
  const record = parkedRecord({ ...message, server: by.server }, by.clock);
  const body = Buffer.from(JSON.stringify(record));
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
 * Sends a parked message again, as its sender's, or throws it away.
 *
 * @throws {DroverError} `not-found` when it is not parked any more.
 */
export async function releaseParked(
  session: NatsSession,
  by: { readonly sender: string; readonly trust: Trust },
  id: string,
  release: Release,
): Promise<void> {
  const seq = Number(/^(\d+)-/.exec(id)?.[1]);
  const stored = Number.isSafeInteger(seq) ? await storedMessage(session, { seq }) : undefined;
  const record = stored === undefined ? undefined : readParkedRecord(stored.data);
  if (stored === undefined || record === undefined || parkedId(stored, record) !== id) {
    throw noSuchParked(id);
  }
  if (release === "send-again") await sendAgain(session, by, stored, record);
  await session.jsm.streams.deleteMessage(PARKED_STREAM, stored.seq, false);
}

async function sendAgain(
  session: NatsSession,
  { sender, trust }: { readonly sender: string; readonly trust: Trust },
  stored: StoredMsg,
  { queue, body }: ParkedRecord,
): Promise<void> {
  const { topic, server } = queueTarget(queue);
  const headers = originHeader(parkedOrigin(stored.subject, stored.header, server, trust));
  await session.js.publish(castSubject(topic, server, sender), asNew(Buffer.from(body, "base64")), { headers });
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
