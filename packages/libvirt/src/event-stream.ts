import type { DomainEvent, EventsLost } from "./domain-events.ts";

/**
 * Events in the order libvirtd sent them, for `for await`.
 *
 * At most `limit` wait. When a further one comes, the *oldest* is dropped, because the newest says more about how things
 * stand; the reader then first gets one `events-lost` with their number. The stream ends after {@link close}; it throws
 * the reason when the connection is lost, once what had arrived is read.
 */
export class DomainEventStream implements AsyncIterableIterator<DomainEvent | EventsLost> {
  readonly #limit: number;
  readonly #onClose: () => Promise<void>;
  #queue: DomainEvent[] = [];
  #lostCount = 0;
  #readers: PromiseWithResolvers<IteratorResult<DomainEvent | EventsLost>>[] = [];
  #end: { readonly error: unknown } | undefined;

  constructor(limit: number, onClose: () => Promise<void>) {
    this.#limit = limit;
    this.#onClose = onClose;
  }

  /** For the connection: an event came. */
  push(event: DomainEvent): void {
    if (this.#end !== undefined) return;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: event });
      return;
    }
    if (this.#queue.length >= this.#limit) {
      this.#queue.shift();
      this.#lostCount += 1;
    }
    this.#queue.push(event);
  }

  /** For the connection: no more will come. An `error` is thrown to the reader. */
  finish(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) {
      if (error === undefined) reader.resolve({ done: true, value: undefined });
      else reader.reject(error);
    }
  }

  async next(): Promise<IteratorResult<DomainEvent | EventsLost>> {
    if (this.#lostCount > 0) {
      const lostCount = this.#lostCount;
      this.#lostCount = 0;
      return { done: false, value: { type: "events-lost", lostCount } };
    }
    const event = this.#queue.shift();
    if (event !== undefined) return { done: false, value: event };
    if (this.#end !== undefined) {
      const { error } = this.#end;
      this.#end = { error: undefined };
      if (error !== undefined) throw error;
      return { done: true, value: undefined };
    }
    const reader = Promise.withResolvers<IteratorResult<DomainEvent | EventsLost>>();
    this.#readers.push(reader);
    return reader.promise;
  }

  async return(): Promise<IteratorResult<DomainEvent | EventsLost>> {
    await this.close();
    return { done: true, value: undefined };
  }

  /** Takes the registrations back; waiting readers see the end. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#queue = [];
    this.finish();
    await this.#onClose();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
