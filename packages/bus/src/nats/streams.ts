import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import { MAX_PARKED } from "../parked.ts";
import type { NatsSession } from "./nats-session.ts";
import { CAST_SUBJECTS, PARKED_SUBJECTS } from "./subjects.ts";

/** Casts that wait for their servers. */
export const CAST_STREAM = "DROVER_CASTS";
/** Messages that servers gave up on. */
export const PARKED_STREAM = "DROVER_PARKED";

/** The server knows a message that is published again by its id for this long. */
const DUPLICATE_WINDOW_MS = 2 * 60_000;

const streams: readonly (Partial<StreamConfig> & { name: string })[] = [
  {
    name: CAST_STREAM,
    subjects: [CAST_SUBJECTS],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    // What a command may do ends by its own not-after long before.
    max_age: nanos(24 * 60 * 60_000),
    // Full: the sender is told. A server that is away takes no more than its share of the messages; their bytes are one
    // store for all, so some thousand large ones for it can have everybody's casts refused until they are taken or expire.
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: 10_000,
    max_msgs: 1_000_000,
    max_bytes: 256 * 1024 * 1024,
  },
  {
    name: PARKED_STREAM,
    subjects: [PARKED_SUBJECTS],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    discard: DiscardPolicy.Old,
    max_msgs: MAX_PARKED,
    max_bytes: 128 * 1024 * 1024,
  },
];

/** `err_code`s that the library has no names for: nats-server's `errors.json`, 2.9 and 2.10. */
const STREAM_NAME_IN_USE = 10058;
const CONSUMER_EXISTS = 10148;

/**
 * Creates what is not there. A stream that exists is left as it is: an operator may have given it replicas or other bounds.
 *
 * @throws `PermissionViolationError` for a user that may not create streams.
 */
export async function ensureStreams({ jsm }: NatsSession): Promise<void> {
  for (const config of streams) {
    try {
      await jsm.streams.add(config);
    } catch (error) {
      if (!isApiError(error, STREAM_NAME_IN_USE)) throw error;
    }
  }
}

export function isStreamMissing(error: unknown): boolean {
  return isApiError(error, JetStreamApiCodes.StreamNotFound);
}

export function isConsumerMissing(error: unknown): boolean {
  return isApiError(error, JetStreamApiCodes.ConsumerNotFound);
}

/** It is there with other settings: those of another release. */
export function isOtherConsumer(error: unknown): boolean {
  return isApiError(error, CONSUMER_EXISTS);
}

/** Nobody answers for JetStream: it is off, or no stream takes the subject. */
export function isNoJetStream(error: unknown): boolean {
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

function isApiError(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
