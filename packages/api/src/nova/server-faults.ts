import type { KnownServer } from "@drover/fleet";
import { NovaFault } from "./nova-fault.ts";

/** Nova's sentence for an action that does not fit `state`, as `vm_state stopped`. */
export function invalidState(action: string, id: string, state: string): NovaFault {
  return new NovaFault(409, `Cannot '${action}' instance ${id} while it is in ${state}`);
}

/** A lock is for everybody but administrators, and is looked at before anything else. @throws {NovaFault} 409 */
export function refuseLocked({ uuid, lock }: KnownServer, asAdmin: boolean): void {
  if (lock !== null && !asAdmin) throw new NovaFault(409, `Instance ${uuid} is locked`);
}
