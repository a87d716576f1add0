import { protocolError } from "../protocol-error.ts";

/**
 * Reads XDR (RFC 4506) from one frame and never past its end.
 *
 * Padding is skipped without looking: libtirpc, which libvirtd uses, does not check that it is zero either.
 */
export class XdrReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #position: number;

  /** @param position First byte to read; positions in errors count from the start of `bytes`. */
  constructor(bytes: Buffer, position = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = position;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4, "a 32-bit number"));
  }

  i32(): number {
    return this.#bytes.readInt32BE(this.#take(4, "a 32-bit number"));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8, "a 64-bit number"));
  }

  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8, "a 64-bit number"));
  }

  f64(): number {
    return this.#bytes.readDoubleBE(this.#take(8, "a double"));
  }

  /** A length word of a string, opaque or array, checked against its limit before anything is allocated. */
  length(limit: number, what: string): number {
    const position = this.#position;
    const length = this.u32();
    if (length > limit) throw protocolError(`${what} announces ${length} entries, more than allowed`, position, limit);
    return length;
  }

  /** `length` raw bytes and their padding to a multiple of four. The result is a view, not a copy. */
  bytes(length: number, what: string): Buffer {
    const start = this.#take(length + padding(length), what);
    return this.#bytes.subarray(start, start + length);
  }

  /** Fails unless every byte has been read: libvirt's structures never grow, so leftovers mean a misread. */
  finish(what: string): void {
    if (this.remaining > 0) {
      throw protocolError(`${what} is followed by ${this.remaining} bytes that nobody announced`, this.#position);
    }
  }

  #take(length: number, what: string): number {
    if (length > this.remaining) {
      throw protocolError(
        `the frame ends inside ${what}: ${length} bytes needed, ${this.remaining} left`,
        this.#position,
        this.#end,
      );
    }
    const start = this.#position;
    this.#position += length;
    return start;
  }
}

/** How many zero bytes follow `length` bytes so that the next item starts at a multiple of four. */
export function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}
