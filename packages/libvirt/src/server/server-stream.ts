import { DroverError } from "@drover/model";
import { type Frame, HEADER_BYTES, MessageStatus, STREAM_DATA_LIMIT_BYTES } from "../wire/message.ts";

/** What a stream needs of the session that carries it. */
export interface ServerStreamCarrier {
  /** Sends a packet; resolves when the socket has taken it, as libvirtd reads on only then. */
  send(status: number, data?: Uint8Array): Promise<void>;
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
  readonly #carrier: ServerStreamCarrier;
  #packets: Frame[] = [];
  #gone = false;
  #changed = Promise.withResolvers<void>();

  constructor(carrier: ServerStreamCarrier) {
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

  /** Sends `content`, the empty packet that ends it, and the confirmation once the client has finished. */
  async sendAll(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    try {
      for await (const data of content) {
        for (let at = 0; at < data.length; at += STREAM_DATA_LIMIT_BYTES) {
          if (this.#isOver()) break;
          await this.#carrier.send(MessageStatus.continue, data.subarray(at, at + STREAM_DATA_LIMIT_BYTES));
        }
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
  async receiveAll(write: (data: AsyncIterable<Buffer>) => Promise<void>): Promise<void> {
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

  async *#data(): AsyncGenerator<Buffer, void, undefined> {
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
          yield next.bytes.subarray(HEADER_BYTES);
        } finally {
          this.#carrier.served();
        }
      }
    }
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
