import { eventMessages } from "../procedures/event-messages.ts";
import type { Domain } from "../procedures/shared-structures.ts";
import type { Codec } from "../xdr/codec.ts";
import type { ServerEvent } from "./libvirt-handlers.ts";

interface Registration {
  readonly callbackID: number;
  readonly eventID: number;
  readonly domainUuid: string | undefined;
}

/** Who, on one connection, has asked for which events. Ids count from 0, as libvirtd's do. */
export class EventRegistrations {
  readonly #registrations = new Map<number, Registration>();
  #nextId = 0;

  register(eventID: number, dom: Domain | null): number {
    const callbackID = this.#nextId++;
    this.#registrations.set(callbackID, { callbackID, eventID, domainUuid: dom?.uuid });
    return callbackID;
  }

  /** False if there was no such registration. */
  deregister(callbackID: number): boolean {
    return this.#registrations.delete(callbackID);
  }

  /** One message per registration that an event answers, ready to encode. */
  messagesFor(event: ServerEvent): readonly { number: number; codec: Codec<unknown>; body: unknown }[] {
    const message = eventMessages[event.name];
    return [...this.#registrations.values()]
      .filter(
        ({ eventID, domainUuid }) =>
          eventID === message.eventId && (domainUuid === undefined || domainUuid === event.body.dom.uuid),
      )
      .map(({ callbackID }) => ({
        number: message.number,
        codec: message.body,
        body: { callbackID, ...event.body },
      }));
  }
}
