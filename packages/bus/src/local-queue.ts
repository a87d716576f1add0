import { DroverError } from "@drover/model";

/** Messages that may wait in one queue; a broker would hold them, here it is our memory. */
const MAX_WAITING = 10_000;

export interface LocalMessage {
  readonly body: Buffer;
  /** Undefined for a cast. A call waits for no server. */
  readonly call: LocalCall | undefined;
}

export interface LocalCall {
  readonly messageId: string;
  /** By the monotonic clock. */
  readonly byMs: number;
}

/** A server's share of a queue: how many more of its messages it takes just now. */
export interface Consumer {
  free: number;
  readonly receive: (message: LocalMessage) => void;
}

/** Runs a delivery after the turn of the event loop that asked for it, not within. */
export type Deliver = (delivery: () => void) => void;

/** A queue in this process's memory, with the consumers that are there now taking turns. */
export class LocalQueue {
  readonly name: string;
  /** It takes what is for all servers, and goes with its one. */
  readonly fanout: boolean;
  readonly #deliver: Deliver;
  #messages: LocalMessage[] = [];
  readonly #consumers: Consumer[] = [];
  #pumping = false;

  constructor(name: string, fanout = false, deliver: Deliver = setImmediate) {
    this.name = name;
    this.fanout = fanout;
    this.#deliver = deliver;
  }

  get isServed(): boolean {
    return this.#consumers.length > 0;
  }

  /** @throws {DroverError} `unavailable` when it is full. */
  push(message: LocalMessage, method: string): void {
    if (this.#messages.length >= MAX_WAITING) {
      throw new DroverError("unavailable", `sending ${method}: ${MAX_WAITING} requests wait in ${this.name} already`);
    }
    this.#messages.push(message);
    this.#pump();
  }

  /** Takes back what a consumer could not finish: it comes first, and is never refused. */
  putBack(message: LocalMessage): void {
    this.#messages.unshift(message);
    this.#pump();
  }

  add(consumer: Consumer): void {
    this.#consumers.push(consumer);
    this.#pump();
  }

  /** Gives the calls that nobody is there for any more: they are the caller's to answer. */
  remove(consumer: Consumer): readonly LocalCall[] {
    const at = this.#consumers.indexOf(consumer);
    if (at >= 0) this.#consumers.splice(at, 1);
    if (this.isServed) return [];
    const calls = this.#messages.flatMap(({ call }) => call ?? []);
    this.#messages = this.#messages.filter(({ call }) => call === undefined);
    return calls;
  }

  /** A consumer is done with a message. */
  release(consumer: Consumer): void {
    consumer.free += 1;
    if (this.#messages.length > 0) this.#pump();
  }

  /** After the sender's own turn, as with a broker: no handler runs inside a call to `cast`. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#deliver(() => {
      this.#pumping = false;
      for (;;) {
        const consumer = this.#messages.length === 0 ? undefined : this.#nextFree();
        const message = consumer && this.#messages.shift();
        if (consumer === undefined || message === undefined) return;
        consumer.free -= 1;
        consumer.receive(message);
      }
    });
  }

  /** The one that was served last goes to the end of the line. */
  #nextFree(): Consumer | undefined {
    const at = this.#consumers.findIndex(({ free }) => free > 0);
    const [consumer] = at < 0 ? [] : this.#consumers.splice(at, 1);
    if (consumer !== undefined) this.#consumers.push(consumer);
    return consumer;
  }
}
