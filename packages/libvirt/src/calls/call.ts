import type { ArgsOf, ProcedureName, RetOf } from "../procedures/procedure-table.ts";
import type { CallOptions } from "../wire/call-options.ts";

/** Calls a procedure by libvirt's name, with its arguments as they are on the wire. */
export type Call = <Name extends ProcedureName>(
  name: Name,
  args: ArgsOf<Name>,
  options?: CallOptions,
) => Promise<RetOf<Name>>;
