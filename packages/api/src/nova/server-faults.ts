import { NovaFault } from "./nova-fault.ts";

/** Nova's sentence for an action that does not fit `state`, as `vm_state stopped`. */
export function invalidState(action: string, id: string, state: string): NovaFault {
  return new NovaFault(409, `Cannot '${action}' instance ${id} while it is in ${state}`);
}
