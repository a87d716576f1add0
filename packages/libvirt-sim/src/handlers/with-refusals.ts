import type { LibvirtHandlers, LibvirtServerSession, ProcedureName } from "@drover/libvirt";
import type { FaultBoard } from "../fault-board.ts";

type AnyHandler = (args: never, session: LibvirtServerSession) => unknown;

/** The handlers, each refusing first if a fault says so: the call is then not carried out. */
export function withRefusals(host: string, faults: FaultBoard, handlers: LibvirtHandlers): LibvirtHandlers {
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    const carryOut = handler as AnyHandler;
    const guardedHandler: AnyHandler = (args, session) => {
      const error = faults.takeRefusal(host, name as ProcedureName);
      if (error !== null) throw error;
      return carryOut(args, session);
    };
    return [name, guardedHandler] as const;
  });
  return Object.fromEntries(guarded) as LibvirtHandlers;
}
