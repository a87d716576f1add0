import { DroverError } from "@drover/model";
import { fromRemoteError } from "../libvirt-error.ts";
import { remoteError } from "../procedures/shared-structures.ts";
import { protocolError } from "../protocol-error.ts";
import {
  decodeBody,
  type Frame,
  HEADER_BYTES,
  MessageStatus,
  MessageType,
  STREAM_DATA_LIMIT_BYTES,
} from "./message.ts";
import { decodeHole, isHole, type StreamHole } from "./stream-hole.ts";

/** What a stream needs of the channel that carries it. */
export interface StreamCarrier {
  /** Sends a packet; false if the socket is full, and {@link RpcStream.drained} tells when it is not. */
  send(status: number, data?: Uint8Array): boolean;
  /** The same for a hole. */
  sendHole(hole: StreamHole): boolean;
  /** Reads the socket no further, or again. */
  holdReading(held: boolean): void;
  /** The stream is over on both ends; its serial means nothing any more. */
  release(): void;
  /** Closes the whole channel. */
  giveUp(cause: unknown): void;
}

/** Data that may wait for its reader before the socket is read no further. */
const WAITING_LIMIT_BYTES = 4 * STREAM_DATA_LIMIT_BYTES;

/** What a hole counts among the data that wait: what it took on the wire. */
const HOLE_BYTES = HEADER_BYTES + 12;

/** How long libvirtd may take to confirm an abort; it has only a file to close. */
const ABORT_DEADLINE_MS = 30_000;

/**
 * The client's end of one stream of libvirt's (0.7.2): bytes one way under the serial number of the call that opened it.
 *
 * ```
 *   open ──finish──▶ finishing ──"ok"────▶ over
 *    │ └───abort───▶ aborting ──"ok", error▶ over
 *    └──error, connection lost─────────────▶ over
 * ```
 * As in libvirt's daemonStream and virNetClientStream: data are packets of status "continue", an empty one of them from
 * the server is the end of the data; the client then says "ok" and the server confirms with an empty "ok", or with an
 * error if the content could not be written or read to the end. "error" from the client aborts and is confirmed the
 * same way, with data still on their way before it. An error of the server's ends the stream at once, unconfirmed. On a
 * stream that was opened as sparse (3.4.0) a hole stands for data, in a packet of a type of its own.
 *
 * The protocol has no flow control but the socket's. With more than a mebibyte unread this end stops reading the socket,
 * replies and keepalive included, so a stream is given a connection of its own.
 */
export class RpcStream {
  readonly #name: string;
  readonly #changes: boolean;
  readonly #sparse: boolean;
  readonly #carrier: StreamCarrier;
  #state: "open" | "finishing" | "aborting" | "over" = "open";
  #failure: { readonly error: unknown } | undefined;
  #waiting: (Buffer | StreamHole)[] = [];
  #waitingBytes = 0;
  #receivedAll = false;
  #full = false;
  #changed = Promise.withResolvers<void>();

  /**
   * @param of What it is of: whether the far end's content is in doubt if the connection breaks, and whether libvirtd was
   *   told that there may be holes.
   */
  constructor(name: string, of: { readonly changes: boolean; readonly sparse: boolean }, carrier: StreamCarrier) {
    this.#name = name;
    this.#changes = of.changes;
    this.#sparse = of.sparse;
    this.#carrier = carrier;
  }

  /** The next data or, on a sparse stream, hole; undefined at their end. Rejects with what ended the stream otherwise. */
  async read(): Promise<Buffer | StreamHole | undefined> {
    for (;;) {
      this.#throwIfFailed();
      const data = this.#waiting.shift();
      if (data !== undefined) {
        this.#waitingBytes -= lengthOf(data);
        if (this.#waitingBytes < WAITING_LIMIT_BYTES) this.#carrier.holdReading(false);
        return data;
      }
      if (this.#receivedAll) return undefined;
      await this.#changed.promise;
    }
  }

  /** Sends data; resolves when the socket takes more. Rejects with what ended the stream. */
  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += STREAM_DATA_LIMIT_BYTES) {
      await this.#send(() =>
        this.#carrier.send(MessageStatus.continue, data.subarray(at, at + STREAM_DATA_LIMIT_BYTES)),
      );
    }
    this.#throwIfFailed();
  }

  /** Sends a hole in place of data, on a sparse stream; as {@link write}. */
  async skip(hole: StreamHole): Promise<void> {
    if (!this.#sparse) throw new DroverError("internal", `${this.#name} was not opened as a sparse stream`);
    if (hole.holeBytes === 0) return;
    await this.#send(() => this.#carrier.sendHole(hole));
    this.#throwIfFailed();
  }

  async #send(packet: () => boolean): Promise<void> {
    this.#throwIfFailed();
    this.#full = !packet();
    while (this.#full && this.#failure === undefined) await this.#changed.promise;
  }

  /** Says that all is sent or received, and waits for libvirtd's word that it has carried the transfer out. */
  async finish(): Promise<void> {
    this.#throwIfFailed();
    this.#state = "finishing";
    this.#carrier.send(MessageStatus.ok);
    while (!this.#isOver && this.#failure === undefined) await this.#changed.promise;
    this.#throwIfFailed();
  }

  /** Calls the transfer off, if it is not over, and waits for libvirtd to have let go of it. Never rejects. */
  async abort(): Promise<void> {
    if (this.#isOver) return;
    this.#state = "aborting";
    this.#waiting = [];
    this.#carrier.holdReading(false);
    this.#carrier.send(MessageStatus.error);
    const late = setTimeout(
      () =>
        this.#carrier.giveUp(
          new DroverError("deadline-exceeded", `libvirtd did not confirm that it aborted ${this.#name}`),
        ),
      ABORT_DEADLINE_MS,
    );
    while (!this.#isOver) await this.#changed.promise;
    clearTimeout(late);
  }

  /** For the owner's signal: reading and writing reject with `reason`; the far end is not told, {@link abort} does that. */
  stop(reason: unknown): void {
    this.#fail(reason);
  }

  /** For the channel: a packet of this stream came. Throws `protocol` on one that makes no sense. */
  received(frame: Frame): void {
    if (frame.header.type === MessageType.streamHole) {
      if (!this.#sparse) throw protocolError(`a hole in ${this.#name}, which is not a sparse stream`, 16);
      this.#keep(decodeHole(frame, this.#name));
      return;
    }
    switch (frame.header.status) {
      case MessageStatus.error:
        this.#end(fromRemoteError(decodeBody(frame, remoteError, `the error of ${this.#name}`), this.#name));
        return;
      case MessageStatus.ok:
        if (this.#state === "open") throw protocolError(`${this.#name} was confirmed before it was finished`, 24);
        this.#end();
        return;
      default:
        this.#take(frame.bytes.subarray(HEADER_BYTES));
    }
  }

  /** For the channel: the socket takes data again. */
  drained(): void {
    this.#full = false;
    this.#tell();
  }

  /** For the channel: it is closed. */
  lost(cause: unknown): void {
    const [code, rest] = this.#changes
      ? (["outcome-unknown", "what was written of the content is not known"] as const)
      : (["unavailable", "only a part of the content was read"] as const);
    this.#end(new DroverError(code, `the connection to libvirtd broke during ${this.#name}; ${rest}`, { cause }));
  }

  get #isOver(): boolean {
    return this.#state === "over";
  }

  #take(data: Buffer): void {
    if (data.length > 0) {
      this.#keep(data);
      return;
    }
    this.#receivedAll = true;
    this.#tell();
  }

  #keep(piece: Buffer | StreamHole): void {
    if (this.#state === "aborting") return;
    this.#waiting.push(piece);
    this.#waitingBytes += lengthOf(piece);
    if (this.#waitingBytes >= WAITING_LIMIT_BYTES) this.#carrier.holdReading(true);
    this.#tell();
  }

  #end(error?: unknown): void {
    if (this.#isOver) return;
    this.#state = "over";
    this.#carrier.holdReading(false);
    this.#carrier.release();
    if (error !== undefined) this.#fail(error);
    this.#tell();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#tell();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function lengthOf(piece: Buffer | StreamHole): number {
  return isHole(piece) ? HOLE_BYTES : piece.length;
}
