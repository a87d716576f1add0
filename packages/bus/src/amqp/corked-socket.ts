import { Socket } from "node:net";
import type { ChannelModel } from "amqplib";

/**
 * Lets what is written in one turn of the event loop leave in one write to the socket. amqplib makes one for each
 * message, which was nearly half of what a call costs the process.
 *
 * amqplib's socket is not part of its documented interface: where it is not found, all works as it does without.
 */
export class CorkedSocket {
  readonly #socket: Socket | undefined;
  #corked = false;

  constructor({ connection }: ChannelModel) {
    this.#socket = "stream" in connection && connection.stream instanceof Socket ? connection.stream : undefined;
  }

  /** Call it with each write. */
  hold(): void {
    if (this.#corked || this.#socket === undefined) return;
    this.#corked = true;
    this.#socket.cork();
    // amqplib hands on to the socket in the next turn, so the one after that has it all.
    setImmediate(() => setImmediate(this.#release));
  }

  readonly #release = (): void => {
    this.#corked = false;
    this.#socket?.uncork();
  };
}
