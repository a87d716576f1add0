import { Duplex } from "node:stream";
import type { SeededRandom } from "../seeded-random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** One end of a connection in memory. What is written arrives at the other end a little later, in order. */
class MemoryStream extends Duplex {
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;
  readonly #onWrite: () => void;
  #peer: MemoryStream | undefined;
  #lastAtMs = 0;

  constructor(clock: VirtualClock, random: SeededRandom, onWrite: () => void) {
    super({ allowHalfOpen: true, autoDestroy: false, emitClose: true });
    this.#clock = clock;
    this.#random = random;
    this.#onWrite = onWrite;
  }

  join(peer: MemoryStream): void {
    this.#peer = peer;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#onWrite();
    this.#arrives(() => this.#peer?.push(chunk));
    callback();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#arrives(() => this.#peer?.push(null));
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#arrives(() => {
      if (this.#peer !== undefined && !this.#peer.destroyed && !this.#peer.readableEnded) this.#peer.push(null);
    });
    callback(error);
  }

  #arrives(deliver: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lastAtMs = Math.max(this.#lastAtMs, nowMs + this.#random.between(0.02, 0.6));
    this.#clock.after(this.#lastAtMs - nowMs, () => {
      if (this.#peer !== undefined && !this.#peer.destroyed) deliver();
    });
  }
}

/** Two ends of one connection. `onWrite` is called before each of the first one's writes. */
export function memoryConnection(
  clock: VirtualClock,
  random: SeededRandom,
  onWrite: () => void,
): readonly [Duplex, Duplex] {
  const client = new MemoryStream(clock, random, onWrite);
  const server = new MemoryStream(clock, random, () => {});
  client.join(server);
  server.join(client);
  return [client, server];
}
