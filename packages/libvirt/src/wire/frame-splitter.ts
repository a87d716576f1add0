import { protocolError } from "../protocol-error.ts";
import { decodeHeader, FRAME_LIMIT_BYTES, type Frame, HEADER_BYTES } from "./message.ts";

/**
 * Cuts a byte stream into frames: a length word that counts itself, then that many bytes.
 *
 * After a `protocol` error the splitter is of no more use, as is the connection: nobody knows where a frame begins.
 */
export class FrameSplitter {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #expected: number | undefined;

  /** @param limitBytes Longest frame accepted, its length word included. @default FRAME_LIMIT_BYTES */
  constructor(limitBytes = FRAME_LIMIT_BYTES) {
    this.#limit = limitBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /** The next whole frame, or undefined until more bytes come. */
  next(): Frame | undefined {
    if (this.#expected === undefined) {
      if (this.#buffered < 4) return undefined;
      const length = this.#contiguous(4).readUInt32BE(0);
      if (length < HEADER_BYTES)
        throw protocolError(`a frame of ${length} bytes cannot hold a header`, 0, HEADER_BYTES);
      if (length > this.#limit) throw protocolError(`a frame of ${length} bytes is announced`, 0, this.#limit);
      this.#expected = length;
    }
    if (this.#buffered < this.#expected) return undefined;
    const bytes = this.#take(this.#expected);
    this.#expected = undefined;
    return { header: decodeHeader(bytes), bytes };
  }

  /** Call when the stream ends; fails if it ended inside a frame. */
  end(): void {
    if (this.#buffered === 0) return;
    const wanted = this.#expected ?? HEADER_BYTES;
    throw protocolError(`the stream ended inside a frame of ${wanted} bytes`, this.#buffered, wanted);
  }

  #contiguous(length: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= length) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #take(length: number): Buffer {
    const joined = this.#contiguous(length);
    const rest = joined.subarray(length);
    if (rest.length > 0) this.#chunks[0] = rest;
    else this.#chunks.shift();
    this.#buffered -= length;
    return joined.subarray(0, length);
  }
}
