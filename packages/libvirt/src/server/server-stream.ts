import { DroverError } from "@drover/model";
import { VIR_FROM } from "../constants/error-codes.ts";
import { LibvirtError } from "../libvirt-error.ts";
import { type Frame, HEADER_BYTES, MessageStatus, MessageType, STREAM_DATA_LIMIT_BYTES } from "../wire/message.ts";
import { decodeHole, isHole, type StreamHole } from "../wire/stream-hole.ts";

/** What a stream needs of the session that carries it. */
export interface ServerStreamCarrier {
  /** Sends a packet; resolves when the socket has taken it, as libvirtd reads on only then. */
  send(status: number, data?: Uint8Array): Promise<void>;
  /** The same for a hole. */
  sendHole(hole: StreamHole): Promise<void>;
  /** Ends the stream with an error on the wire. */
  fail(error: unknown): void;
  /** A packet of the client's is dealt with: it counts against the request limit until then. */
  served(): void;
}

/**
 * libvirtd's end of one stream, run by {@link sendAll} or {@link receiveAll}: each resolves when the stream is over, in
 * whatever way. What is said when is told at the client's end, `RpcStream`.
 */
export class ServerStream {
  readonly #sparse: boolean;
  readonly #carrier: ServerStreamCarrier;
  #packets: Frame[] = [];
  #gone = false;
  #changed = Promise.withResolvers<void>();

  /** @param sparse Whether the client said that there may be holes. */
  constructor(sparse: boolean, carrier: ServerStreamCarrier) {
    this.#sparse = sparse;
    this.#carrier = carrier;
  }

  /** For the session: a packet of this stream came. */
  received(frame: Frame): void {
    this.#packets.push(frame);
    this.#tell();
  }

  /** For the session: it is over. */
  lost(): void {
    this.#gone = true;
    this.#tell();
  }

  /** Sends `content`, its holes as such, the empty packet that ends it, and the confirmation once the client has finished. */
  async sendAll(content: AsyncIterable<Uint8Array | StreamHole> | Iterable<Uint8Array | StreamHole>): Promise<void> {
    try {
      for await (const piece of content) {
        await this.#sendPiece(piece);
        if (this.#isOver()) break;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!this.#isOver()) await this.#carrier.send(MessageStatus.continue);
    while (!this.#isOver()) await this.#changed.promise;
    await this.#confirm();
  }

  /** Has `write` take the client's data, and confirms or refuses once it is done. */
  async receiveAll(write: (data: AsyncIterable<Buffer | StreamHole>) => Promise<void>): Promise<void> {
    try {
      await write(this.#data());
      // A writer that stopped early has what it wants; the rest is thrown away.
      for await (const _ of this.#data());
    } catch (error) {
      if (!this.#isAborted()) {
        this.#fail(error);
        return;
      }
    }
    await this.#confirm();
  }

  async #sendPiece(piece: Uint8Array | StreamHole): Promise<void> {
    if (isHole(piece)) return await this.#carrier.sendHole(piece);
    for (let at = 0; at < piece.length; at += STREAM_DATA_LIMIT_BYTES) {
      if (this.#isOver()) return;
      await this.#carrier.send(MessageStatus.continue, piece.subarray(at, at + STREAM_DATA_LIMIT_BYTES));
    }
  }

  async *#data(): AsyncGenerator<Buffer | StreamHole, void, undefined> {
    for (;;) {
      const next = this.#packets[0];
      if (this.#gone || next?.header.status === MessageStatus.error) {
        throw new DroverError("unavailable", "the client aborted the stream or is gone");
      }
      if (next === undefined) {
        await this.#changed.promise;
      } else if (next.header.status === MessageStatus.ok) {
        return;
      } else {
        this.#packets.shift();
        try {
          yield this.#pieceOf(next);
        } finally {
          this.#carrier.served();
        }
      }
    }
  }

  /** libvirtd closes the connection for a hole that was not announced (daemonStreamHandleHole); here the stream fails. */
  #pieceOf(frame: Frame): Buffer | StreamHole {
    if (frame.header.type !== MessageType.streamHole) return frame.bytes.subarray(HEADER_BYTES);
    if (this.#sparse) return decodeHole(frame, "an upload");
    throw LibvirtError.refusal("VIR_ERR_RPC", "Unexpected stream hole", VIR_FROM.VIR_FROM_STREAMS);
  }

  /** True once the client has finished, aborted or gone; data in the wrong direction are thrown away. */
  #isOver(): boolean {
    while (this.#packets[0]?.header.status === MessageStatus.continue) {
      this.#packets.shift();
      this.#carrier.served();
    }
    return this.#gone || this.#packets.length > 0;
  }

  #isAborted(): boolean {
    return this.#gone || this.#packets.some(({ header }) => header.status === MessageStatus.error);
  }

  async #confirm(): Promise<void> {
    if (!this.#gone) await this.#carrier.send(MessageStatus.ok);
    this.#servedAll();
  }

  #fail(error: unknown): void {
    if (!this.#gone) this.#carrier.fail(error);
    this.#servedAll();
  }

  #servedAll(): void {
    for (const _ of this.#packets.splice(0)) this.#carrier.served();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
