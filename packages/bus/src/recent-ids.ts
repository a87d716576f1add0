/** Oslo remembers 16; ours must reach over all that a reconnect can bring again. */
const REMEMBERED_IDS = 4096;

/** The last so many ids seen: what a broker delivers again is recognised by its `_unique_id`. */
export class RecentIds {
  readonly #ids = new Set<string>();
  readonly #limit: number;

  constructor(limit = REMEMBERED_IDS) {
    this.#limit = limit;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#limit) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}
