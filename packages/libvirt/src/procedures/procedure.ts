import type { Codec } from "../xdr/codec.ts";

/** One call of libvirt's remote protocol: its number, what it carries and what it means to lose its answer. */
export interface Procedure<Args, Ret> {
  /** REMOTE_PROC_… */
  readonly number: number;
  /** The libvirt release that brought the API; both ends need it. */
  readonly since: string;
  /**
   * True if the call may have changed something when its answer is lost. Such a call fails with `outcome-unknown` when
   * the connection breaks; the others with `unavailable`, and are safe to repeat.
   */
  readonly changes: boolean;
  readonly args: Codec<Args>;
  readonly ret: Codec<Ret>;
}

/** Exists so that a table entry has its types inferred from its codecs. */
export function procedure<Args, Ret>(definition: Procedure<Args, Ret>): Procedure<Args, Ret> {
  return definition;
}
