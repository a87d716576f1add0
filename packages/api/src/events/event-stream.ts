import type { Writable } from "node:stream";
import { HEARTBEAT } from "./sse-frame.ts";

/** What was before is written in parts: a reader that takes them slowly is seen to take them. */
const OPENING_PART_BYTES = 64 * 1024;
/** Of changes, what one reader may leave unread, bytes; beyond it the stream is cut. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/**
 * One reader. Frames are shared with all others; of its own it has a bounded queue.
 *
 * Modes: *opening* while what was before is written to it, when changes are held back; *live*; *closed*. A reader that is too
 * slow for the changes is cut, and comes back with the id of the last one it has. One that is too slow for progress gets
 * the newest when it has read the rest.
 */
export class EventStream {
  readonly #response: Writable;
  readonly #onCut: () => void;
  /** Changes that came while opening. */
  #held: { readonly id: number; readonly frame: Buffer }[] | undefined = [];
  #heldBytes = 0;
  /** The reader had all changes up to it when the stream went live. */
  #liveAfterId = 0;
  #progress: Buffer | undefined;
  /** Of numbers that may not have been read yet, bytes: the limit is for changes. */
  #numbersBytes = 0;
  #stalled = false;
  #endsOnceLive = false;

  /** @param onCut Called when the reader is too slow and the stream is ended for that. */
  constructor(response: Writable, onCut: () => void) {
    this.#response = response;
    this.#onCut = onCut;
    response.on("drain", () => {
      this.#stalled = false;
      this.#numbersBytes = 0;
      this.#writeProgress();
    });
    // A reader that went away: "close" follows.
    response.on("error", () => undefined);
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** Calls it once; at once for a reader that has already gone. */
  onClose(listener: () => void): void {
    if (this.#response.destroyed) listener();
    else this.#response.once("close", listener);
  }

  /** A change: none is left out. */
  change(id: number, frame: Buffer): void {
    if (this.#held === undefined) {
      if (id > this.#liveAfterId) this.#write(frame);
      return;
    }
    if (this.#heldBytes > 0 && this.#heldBytes + frame.length > MAX_UNREAD_BYTES) this.#cut();
    this.#held.push({ id, frame });
    this.#heldBytes += frame.length;
  }

  /** Numbers: the newest counts. */
  progress(frame: Buffer): void {
    this.#progress = frame;
    if (this.#held === undefined && !this.#response.writableNeedDrain) this.#writeProgress();
  }

  /** A reader that has not read anything since the one before is gone, or as good as that; nor has one whose stream has ended. */
  heartbeat(): void {
    if (this.#stalled) this.#cut();
    else if (this.#response.writableNeedDrain || this.#response.writableEnded) this.#stalled = true;
    else if (this.#held === undefined) this.#write(HEARTBEAT);
  }

  /** What was before, of any length: resolves when the reader can take more, or is gone. */
  async opening(frame: Buffer): Promise<void> {
    for (let from = 0; from < frame.length; from += OPENING_PART_BYTES) {
      if (!this.isOpen) return;
      if (!this.#response.write(frame.subarray(from, from + OPENING_PART_BYTES))) await this.#untilItReads();
    }
  }

  async #untilItReads(): Promise<void> {
    if (this.#response.destroyed) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off("drain", done);
        this.#response.off("close", done);
        resolve();
      };
      this.#response.once("drain", done);
      this.#response.once("close", done);
    });
  }

  /** From now on changes after `id` are written as they come; those that were held back first. */
  goLive(id: number): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#liveAfterId = id;
    for (const change of held) this.change(change.id, change.frame);
    this.#writeProgress();
    if (this.#endsOnceLive) this.end();
  }

  /** Nothing more is to come: what is there is still written. */
  endOnceLive(): void {
    this.#endsOnceLive = true;
    if (this.#held === undefined) this.end();
  }

  /** At once. */
  end(): void {
    if (this.isOpen) this.#response.end();
  }

  #cut(): void {
    if (this.#response.destroyed) return;
    this.#onCut();
    this.#response.destroy();
  }

  #writeProgress(): void {
    const frame = this.#progress;
    if (frame === undefined || this.#held !== undefined) return;
    this.#progress = undefined;
    if (!this.isOpen) return;
    // As long as there are migrations, and written to who has read the ones before.
    this.#numbersBytes = frame.length;
    this.#response.write(frame);
  }

  #write(frame: Buffer): void {
    if (!this.isOpen) return;
    const unreadBytes = Math.max(0, this.#response.writableLength - this.#numbersBytes);
    if (unreadBytes > 0 && unreadBytes + frame.length > MAX_UNREAD_BYTES) this.#cut();
    else this.#response.write(frame);
  }
}
