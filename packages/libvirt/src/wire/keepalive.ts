/** How a connection notices that its peer is gone without a word. */
export interface KeepaliveOptions {
  /** Silence after which a ping is sent, ms. 0 sends none (pings are still answered). @default 5000, as libvirtd */
  readonly intervalMs: number;
  /** Pings without any sign of life after which the connection is given up. @default 5, as libvirtd */
  readonly count: number;
}

export const DEFAULT_KEEPALIVE: KeepaliveOptions = { intervalMs: 5_000, count: 5 };

/**
 * The sending half of libvirt's keepalive program (0.9.8). Any byte received is a sign of life; after `count` pings
 * without one, `onDead` is called once, about `intervalMs * (count + 1)` after the last byte.
 */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  readonly #ping: () => void;
  readonly #onDead: () => void;
  #timer: NodeJS.Timeout | undefined;
  #unanswered = 0;

  constructor(options: KeepaliveOptions, ping: () => void, onDead: () => void) {
    this.#options = options;
    this.#ping = ping;
    this.#onDead = onDead;
  }

  start(): void {
    this.#unanswered = 0;
    if (this.#options.intervalMs > 0) this.#arm();
  }

  /** Something arrived. */
  alive(): void {
    this.#unanswered = 0;
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#silence(), this.#options.intervalMs);
    this.#timer.unref();
  }

  #silence(): void {
    if (this.#unanswered >= this.#options.count) {
      this.stop();
      this.#onDead();
      return;
    }
    this.#unanswered += 1;
    this.#ping();
    this.#arm();
  }
}
