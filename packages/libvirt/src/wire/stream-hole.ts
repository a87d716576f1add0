import { protocolError } from "../protocol-error.ts";
import type { Codec } from "../xdr/codec.ts";
import { struct } from "../xdr/composites.ts";
import { i64, u32 } from "../xdr/primitives.ts";
import {
  decodeBody,
  encodeFrame,
  type Frame,
  HEADER_BYTES,
  MessageStatus,
  MessageType,
  PROGRAM_VERSION,
  REMOTE_PROGRAM,
} from "./message.ts";

/** Bytes of a stream that nobody wrote: they read as zeros, and are not sent. */
export interface StreamHole {
  readonly holeBytes: number;
}

/** True for a hole, false for bytes. */
export function isHole(piece: Uint8Array | StreamHole): piece is StreamHole {
  return !(piece instanceof Uint8Array);
}

/** virNetStreamHole (3.4.0); libvirt 9.0 has no flags. */
const streamHole: Codec<{ readonly length: bigint; readonly flags: number }> = struct([
  ["length", i64],
  ["flags", u32],
]);

/** A packet that tells of a hole, in place of data. */
export function streamHoleFrame(procedure: number, serial: number, { holeBytes }: StreamHole): Buffer {
  const header = { program: REMOTE_PROGRAM, version: PROGRAM_VERSION, procedure, serial };
  return encodeFrame({ ...header, type: MessageType.streamHole, status: MessageStatus.continue }, streamHole, {
    length: BigInt(holeBytes),
    flags: 0,
  });
}

/**
 * The hole that a packet of type STREAM_HOLE tells.
 *
 * @throws `protocol` for one of no length, or longer than a number counts.
 */
export function decodeHole(frame: Frame, what: string): StreamHole {
  const { length } = decodeBody(frame, streamHole, `a hole of ${what}`);
  if (length <= 0n || length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw protocolError(`a hole of ${length} bytes makes no sense`, HEADER_BYTES);
  }
  return { holeBytes: Number(length) };
}
