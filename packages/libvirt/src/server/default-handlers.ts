import { VIR_FROM } from "../constants/error-codes.ts";
import { LibvirtError } from "../libvirt-error.ts";
import type { LibvirtHandlers } from "./libvirt-handlers.ts";

/** What every server answers alike unless its handlers say otherwise: no authentication, and event registrations. */
export const defaultHandlers: LibvirtHandlers = {
  authList: () => ({ types: [0] }),
  connectOpen: () => ({}),
  connectClose: () => ({}),
  connectRegisterCloseCallback: () => ({}),
  connectUnregisterCloseCallback: () => ({}),
  connectDomainEventCallbackRegisterAny: ({ eventID, dom }, session) => ({
    callbackID: session.registrations.register(eventID, dom),
  }),
  connectDomainEventCallbackDeregisterAny: ({ callbackID }, session) => {
    if (session.registrations.deregister(callbackID)) return {};
    throw LibvirtError.refusal(
      "VIR_ERR_INTERNAL_ERROR",
      `internal error: domain event callback ${callbackID} not registered`,
      VIR_FROM.VIR_FROM_REMOTE,
    );
  },
};
