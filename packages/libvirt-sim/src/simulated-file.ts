import type { StreamHole } from "@drover/libvirt";

const BLOCK_BYTES = 65_536;

/** A file on a host's disk: bytes, with blocks nobody wrote taking no memory, as in a sparse file. */
export class SimulatedFile {
  readonly format: string;
  readonly #blocks = new Map<number, Buffer>();
  #sizeBytes: number;
  #capacityBytes: number;

  /**
   * @param format What QEMU would find in it: `raw`, `qcow2`.
   * @param capacityBytes What a guest sees of it; for raw images the size of the file.
   */
  constructor(format: string, capacityBytes: number) {
    this.format = format;
    this.#capacityBytes = capacityBytes;
    // An empty qcow2 image is its header and tables.
    this.#sizeBytes = format === "raw" ? capacityBytes : 196_624;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get capacityBytes(): number {
    return this.format === "raw" ? this.#sizeBytes : this.#capacityBytes;
  }

  /** Blocks that were written. */
  get allocationBytes(): number {
    return Math.min(this.#blocks.size * BLOCK_BYTES, this.#sizeBytes);
  }

  write(offset: number, data: Uint8Array): void {
    for (let at = 0; at < data.length; ) {
      const position = offset + at;
      const inBlock = position % BLOCK_BYTES;
      const piece = data.subarray(at, at + BLOCK_BYTES - inBlock);
      this.#block(position).set(piece, inBlock);
      at += piece.length;
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, offset + data.length);
  }

  /** Writes what of this file lies between `offset` and `end` into another; what nobody wrote here stays unwritten there. */
  copyBlocks(target: SimulatedFile, offset: number, end: number): void {
    for (let index = Math.floor(offset / BLOCK_BYTES); index * BLOCK_BYTES < end; index += 1) {
      const block = this.#blocks.get(index);
      if (block === undefined) continue;
      const start = index * BLOCK_BYTES;
      const from = Math.max(offset, start);
      target.write(from, block.subarray(from - start, Math.min(end, start + BLOCK_BYTES) - start));
    }
  }

  /** The bytes from `offset` to `end` or to the file's end, block by block; what nobody wrote as zeros. */
  *read(offset = 0, end = Number.POSITIVE_INFINITY): Generator<Buffer, void, undefined> {
    for (const { at, length, block } of this.#parts(offset, end)) yield (block ?? ZEROS).subarray(at, at + length);
  }

  /** The same with holes for what nobody wrote, each as long as it is. */
  *readSparse(offset = 0, end = Number.POSITIVE_INFINITY): Generator<Buffer | StreamHole, void, undefined> {
    let holeBytes = 0;
    for (const { at, length, block } of this.#parts(offset, end)) {
      if (block === undefined) {
        holeBytes += length;
        continue;
      }
      if (holeBytes > 0) yield { holeBytes };
      holeBytes = 0;
      yield block.subarray(at, at + length);
    }
    if (holeBytes > 0) yield { holeBytes };
  }

  *#parts(offset: number, end: number) {
    const last = Math.min(end, this.#sizeBytes);
    for (let position = offset; position < last; ) {
      const at = position % BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - at, last - position);
      yield { at, length, block: this.#blocks.get(Math.floor(position / BLOCK_BYTES)) };
      position += length;
    }
  }

  #block(position: number): Buffer {
    const index = Math.floor(position / BLOCK_BYTES);
    const block = this.#blocks.get(index) ?? Buffer.alloc(BLOCK_BYTES);
    this.#blocks.set(index, block);
    return block;
  }
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);
