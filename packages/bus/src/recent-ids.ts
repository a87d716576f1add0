/** Oslo remembers 16; ours must reach over all that a reconnect can bring again. */
const REMEMBERED_IDS = 4096;

/** The last so many ids seen: what a broker delivers again is recognised by its `_unique_id`. */
export class RecentIds {
  readonly #ids = new Set<string>();
  /** The same in the order they came, round and round: a set is slow to tell its oldest, having to pass what it deleted. */
  readonly #order: string[] = [];
  readonly #limit: number;
  #next = 0;

  constructor(limit = REMEMBERED_IDS) {
    this.#limit = limit;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    if (this.#ids.has(id)) return;
    const oldest = this.#order[this.#next];
    if (oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.add(id);
    this.#order[this.#next] = id;
    this.#next = (this.#next + 1) % this.#limit;
  }
}
