/** Shut for as long as there is a reason; whoever must pass waits. */
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

  /** Resolves when it is open; it may be shut again before the next who waits gets through, who then waits on. */
  async pass(): Promise<void> {
    while (this.#reasons.size > 0) await this.#opened.promise;
  }
}
