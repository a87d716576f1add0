import type { Codec } from "../xdr/codec.ts";
import { array, struct } from "../xdr/composites.ts";
import { i32 } from "../xdr/primitives.ts";
import { domain, text, typedParam } from "./shared-structures.ts";

/** A message that libvirtd sends unasked: the procedure number it comes with, the event it answers, and its body. */
export interface EventMessage<Body> {
  readonly number: number;
  /** VIR_DOMAIN_EVENT_ID_… a client registers for. */
  readonly eventId: number;
  readonly since: string;
  readonly body: Codec<Body>;
}

function message<Body>(definition: EventMessage<Body>): EventMessage<Body> {
  return definition;
}

/** REMOTE_PROC_DOMAIN_EVENT_…: all carry the callback id that the registration returned (1.2.1). */
export const eventMessages = {
  lifecycle: message({
    number: 318, // REMOTE_PROC_DOMAIN_EVENT_CALLBACK_LIFECYCLE
    eventId: 0,
    since: "1.2.1",
    body: struct([
      ["callbackID", i32], // remote_domain_event_callback_lifecycle_msg
      ["dom", domain], // remote_domain_event_lifecycle_msg
      ["event", i32],
      ["detail", i32],
    ]),
  }),
  "block-job": message({
    number: 339, // REMOTE_PROC_DOMAIN_EVENT_BLOCK_JOB_2: the disk's target (vda), where the older one has its path
    eventId: 16,
    since: "1.2.6",
    body: struct([
      ["callbackID", i32], // remote_domain_event_block_job_2_msg
      ["dom", domain],
      ["dst", text],
      ["type", i32],
      ["status", i32],
    ]),
  }),
  "block-job-path": message({
    number: 326, // REMOTE_PROC_DOMAIN_EVENT_CALLBACK_BLOCK_JOB
    eventId: 8,
    since: "1.2.1",
    body: struct([
      ["callbackID", i32], // remote_domain_event_callback_block_job_msg
      ["dom", domain], // remote_domain_event_block_job_msg
      ["path", text],
      ["type", i32],
      ["status", i32],
    ]),
  }),
  "migration-iteration": message({
    number: 359, // REMOTE_PROC_DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION
    eventId: 20,
    since: "1.3.2",
    body: struct([
      ["callbackID", i32], // remote_domain_event_callback_migration_iteration_msg
      ["dom", domain],
      ["iteration", i32],
    ]),
  }),
  "job-completed": message({
    number: 363, // REMOTE_PROC_DOMAIN_EVENT_CALLBACK_JOB_COMPLETED
    eventId: 21,
    since: "1.3.3",
    body: struct([
      ["callbackID", i32], // remote_domain_event_callback_job_completed_msg
      ["dom", domain],
      ["params", array(typedParam, 64)],
    ]),
  }),
} as const;

export type EventName = keyof typeof eventMessages;

/** The body of an event message as it is on the wire. */
export type EventBody<Name extends EventName> =
  (typeof eventMessages)[Name] extends EventMessage<infer Body> ? Body : never;
