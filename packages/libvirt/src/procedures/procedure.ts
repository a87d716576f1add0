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

/**
 * A call whose reply opens a stream under its serial number: `from-server` brings bytes, `to-server` takes them. What
 * becomes of them is said on the stream itself, not in the reply.
 */
export interface StreamProcedure<Args, Direction extends StreamDirection> extends Procedure<Args, NoResult> {
  readonly stream: Direction;
}

export type StreamDirection = "from-server" | "to-server";

type NoResult = Readonly<Record<never, never>>;

export function streamProcedure<Args, Direction extends StreamDirection>(
  definition: StreamProcedure<Args, Direction>,
): StreamProcedure<Args, Direction> {
  return definition;
}
