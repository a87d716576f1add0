import { decodeJobStats, type JobStats } from "./job-stats.ts";
import { type EventBody, type EventName, eventMessages } from "./procedures/event-messages.ts";
import type { Domain } from "./procedures/shared-structures.ts";
import { decodeBody, type Frame } from "./wire/message.ts";
import type { Codec } from "./xdr/codec.ts";

/** What libvirtd tells unasked about domains. `dom` is the domain as it was when the event was made. */
export type DomainEvent =
  | {
      /** A domain changed state: VIR_DOMAIN_EVENT and the detail that belongs to it. */
      readonly type: "lifecycle";
      readonly dom: Domain;
      readonly event: number;
      readonly detail: number;
    }
  /** A migration, save or dump ended well, with its last numbers (1.3.3). An aborted or failed migration sends none. */
  | { readonly type: "job-completed"; readonly dom: Domain; readonly stats: JobStats }
  /** A migration began a further pass over memory, counted from 1 (1.3.2). */
  | { readonly type: "migration-iteration"; readonly dom: Domain; readonly iteration: number }
  /** A disk's job changed state; `disk` is its target: VIR_DOMAIN_BLOCK_JOB_TYPE and VIR_DOMAIN_BLOCK_JOB (1.2.6). */
  | {
      readonly type: "block-job";
      readonly dom: Domain;
      readonly disk: string;
      readonly jobType: number;
      readonly status: number;
    };

export type DomainEventType = DomainEvent["type"];

/** Events dropped because nobody read: what they said must be asked again. Comes before the events that followed them. */
export interface EventsLost {
  readonly type: "events-lost";
  readonly lostCount: number;
}

/** An event and the registration it answers, or undefined for a message that is not one of ours. */
export function decodeDomainEvent(frame: Frame): { callbackID: number; event: DomainEvent } | undefined {
  const decode = <Name extends EventName>(name: Name): EventBody<Name> =>
    decodeBody<EventBody<Name>>(frame, eventMessages[name].body as Codec<EventBody<Name>>, `a ${name} event`);
  switch (frame.header.procedure) {
    case eventMessages.lifecycle.number: {
      const { callbackID, dom, event, detail } = decode("lifecycle");
      return { callbackID, event: { type: "lifecycle", dom, event, detail } };
    }
    case eventMessages["job-completed"].number: {
      const { callbackID, dom, params } = decode("job-completed");
      return { callbackID, event: { type: "job-completed", dom, stats: decodeJobStats(undefined, params) } };
    }
    case eventMessages["migration-iteration"].number: {
      const { callbackID, dom, iteration } = decode("migration-iteration");
      return { callbackID, event: { type: "migration-iteration", dom, iteration } };
    }
    case eventMessages["block-job"].number: {
      const { callbackID, dom, dst, type, status } = decode("block-job");
      return { callbackID, event: { type: "block-job", dom, disk: dst, jobType: type, status } };
    }
    default:
      return undefined;
  }
}
