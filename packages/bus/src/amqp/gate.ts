/** Shut for as long as there is a reason; `while (gate.isShut) await gate.opened;` passes it. */
export class Gate {
  readonly #reasons = new Set<string>();
  #opened = Promise.withResolvers<void>();

  shut(reason: string): void {
    if (this.#reasons.size === 0) this.#opened = Promise.withResolvers<void>();
    this.#reasons.add(reason);
  }

  /** Takes one reason away, or every one. */
  open(reason?: string): void {
    if (reason === undefined) this.#reasons.clear();
    else this.#reasons.delete(reason);
    if (this.#reasons.size === 0) this.#opened.resolve();
  }

  get isShut(): boolean {
    return this.#reasons.size > 0;
  }

  /**
   * Resolves when it opens. Whoever wakes looks again at {@link isShut}, in the same turn in which it goes on: one that
   * woke before it may have shut the gate.
   */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }
}
