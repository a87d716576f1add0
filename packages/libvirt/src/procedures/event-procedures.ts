import { none, struct } from "../xdr/composites.ts";
import { i32 } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { optionalDomain } from "./shared-structures.ts";

export const eventProcedures = {
  connectDomainEventCallbackRegisterAny: procedure({
    number: 316,
    since: "1.2.1",
    changes: false,
    args: struct([
      ["eventID", i32], // remote_connect_domain_event_callback_register_any_args
      ["dom", optionalDomain],
    ]),
    ret: struct([
      ["callbackID", i32], // remote_connect_domain_event_callback_register_any_ret
    ]),
  }),
  connectDomainEventCallbackDeregisterAny: procedure({
    number: 317,
    since: "1.2.1",
    changes: true,
    args: struct([
      ["callbackID", i32], // remote_connect_domain_event_callback_deregister_any_args
    ]),
    ret: none,
  }),
} as const;
