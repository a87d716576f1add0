import { protocolError } from "../protocol-error.ts";
import type { Codec } from "../xdr/codec.ts";
import { XdrReader } from "../xdr/xdr-reader.ts";
import { XdrWriter } from "../xdr/xdr-writer.ts";

/** Programs that share a connection. remote_protocol.x, virkeepaliveprotocol.x */
export const REMOTE_PROGRAM = 0x2000_8086;
export const KEEPALIVE_PROGRAM = 0x6b65_6570;
export const PROGRAM_VERSION = 1;

/** keepalive_procedure */
export const KEEPALIVE_PING = 1;
export const KEEPALIVE_PONG = 2;

/** virNetMessageType */
export const MessageType = {
  call: 0,
  reply: 1,
  message: 2,
  stream: 3,
  callWithFds: 4,
  replyWithFds: 5,
  streamHole: 6,
} as const;

/** virNetMessageStatus */
export const MessageStatus = { ok: 0, error: 1, continue: 2 } as const;

/** Length word (4) and virNetMessageHeader (24), bytes. */
export const HEADER_BYTES = 28;

/** The length word and VIR_NET_MESSAGE_MAX, 32 MiB as of libvirt 9.0.0; libvirtd closes on anything longer. */
export const FRAME_LIMIT_BYTES = 33_554_432 + 4;

/**
 * Most data in one packet of a stream: VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX. libvirtd sends no larger ones, and its own
 * client neither, although VIR_NET_MESSAGE_PAYLOAD_MAX (32 MiB less the header) would be taken since 1.2.0.
 */
export const STREAM_DATA_LIMIT_BYTES = 262_120;

/** virNetMessageHeader. `serial` pairs a reply with its call and means nothing in events. */
export interface MessageHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

/** One whole frame, its length word included; `bytes` from HEADER_BYTES on are the body. */
export interface Frame {
  readonly header: MessageHeader;
  readonly bytes: Buffer;
}

/** Encodes a whole frame: length word, header, body. */
export function encodeFrame<T>(header: MessageHeader, codec?: Codec<T>, body?: T): Buffer {
  const writer = new XdrWriter();
  writer.u32(0);
  writer.u32(header.program);
  writer.u32(header.version);
  writer.i32(header.procedure);
  writer.u32(header.type);
  writer.u32(header.serial);
  writer.u32(header.status);
  if (codec !== undefined) codec.encode(writer, body as T);
  if (writer.length > FRAME_LIMIT_BYTES) {
    throw protocolError("the message is longer than libvirt accepts", writer.length, FRAME_LIMIT_BYTES);
  }
  writer.patchU32(0, writer.length);
  return writer.finish();
}

/** Decodes the header of a whole frame; refuses a version, type or status that libvirt does not define. */
export function decodeHeader(bytes: Buffer): MessageHeader {
  const reader = new XdrReader(bytes, 4);
  const header = {
    program: reader.u32(),
    version: reader.u32(),
    procedure: reader.i32(),
    type: reader.u32(),
    serial: reader.u32(),
    status: reader.u32(),
  };
  if (header.version !== PROGRAM_VERSION)
    throw protocolError(`program version ${header.version} is unknown`, 8, PROGRAM_VERSION);
  if (header.type > MessageType.streamHole)
    throw protocolError(`message type ${header.type} is unknown`, 16, MessageType.streamHole);
  if (header.status > MessageStatus.continue)
    throw protocolError(`message status ${header.status} is unknown`, 24, MessageStatus.continue);
  return header;
}

/** Decodes the body of a frame, all of it. */
export function decodeBody<T>(frame: Frame, codec: Codec<T>, what: string): T {
  const reader = new XdrReader(frame.bytes, HEADER_BYTES);
  const body = codec.decode(reader);
  reader.finish(what);
  return body;
}

/** A packet of a stream: the header of the call that opened it, and data as it is, without a length or padding of its own. */
export function streamFrame(procedure: number, serial: number, status: number, data: Uint8Array = NO_DATA): Buffer {
  const head = encodeFrame({
    program: REMOTE_PROGRAM,
    version: PROGRAM_VERSION,
    procedure,
    type: MessageType.stream,
    serial,
    status,
  });
  if (data.length === 0) return head;
  const frame = Buffer.concat([head, data]);
  frame.writeUInt32BE(frame.length, 0);
  return frame;
}

const NO_DATA = new Uint8Array(0);

/** A message of the keepalive program (0.9.8): ping or pong. */
export function keepaliveFrame(procedure: number): Buffer {
  return encodeFrame({
    program: KEEPALIVE_PROGRAM,
    version: PROGRAM_VERSION,
    procedure,
    type: MessageType.message,
    serial: 0,
    status: MessageStatus.ok,
  });
}
