import type { EventBody, EventName } from "../procedures/event-messages.ts";
import type { ArgsOf, ProcedureName, procedures, RetOf } from "../procedures/procedure-table.ts";
import type { StreamHole } from "../wire/stream-hole.ts";
import type { LibvirtServerSession } from "./server-session.ts";

/**
 * What a server answers, by libvirt's own names. A missing handler is refused with VIR_ERR_NO_SUPPORT, as a driver does
 * that lacks the call. Throw a {@link LibvirtError} to refuse; anything else thrown becomes VIR_ERR_INTERNAL_ERROR.
 */
export type LibvirtHandlers = {
  readonly [Name in ProcedureName]?: (
    args: ArgsOf<Name>,
    session: LibvirtServerSession,
  ) => HandlerResult<Name> | Promise<HandlerResult<Name>>;
};

/**
 * A call that opens a stream is answered with what becomes of it once the reply is sent. To send, the content; its
 * iterator is ended early when the client aborts or is gone. To receive, a function that takes the data until they end:
 * they throw if the client aborts or is gone. Throwing from either ends the stream with an error. Holes are for calls whose
 * flags ask for a sparse stream; the data of others have none.
 */
type HandlerResult<Name extends ProcedureName> = (typeof procedures)[Name] extends { readonly stream: infer Direction }
  ? Direction extends "from-server"
    ? AsyncIterable<Uint8Array | StreamHole> | Iterable<Uint8Array | StreamHole>
    : (data: AsyncIterable<Buffer | StreamHole>) => Promise<void>
  : RetOf<Name>;

/** A message for those who registered for it: its name, and its body without the callback id, which the session knows. */
export type ServerEvent = {
  readonly [Name in EventName]: { readonly name: Name; readonly body: Omit<EventBody<Name>, "callbackID"> };
}[EventName];

/** A reply about to be sent. */
export interface OutgoingReply {
  readonly procedure: ProcedureName | undefined;
  readonly serial: number;
  /** The frame, its length word included. */
  readonly lengthBytes: number;
  /** True if it carries a result, false if an error. */
  readonly ok: boolean;
}

/** What to do with a reply: the faults a test can ask for. */
export type ReplyFate =
  | { readonly kind: "send" }
  /** Later. The call still counts against the request limit meanwhile, and others may overtake it. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** So many bytes of it, then the connection is destroyed. */
  | { readonly kind: "drop-mid-frame"; readonly bytes: number }
  /** Not at all; the call counts against the request limit for ever. */
  | { readonly kind: "swallow" };

export interface ServerOptions {
  /** Calls carried out at once; with that many nothing more is read, keepalive included. @default 5, as libvirtd */
  readonly maxClientRequests?: number;
  /** Longest frame accepted, bytes. @default 33554436, as libvirtd */
  readonly frameLimitBytes?: number;
  /** Pings sent once the client has asked for the keepalive feature. @default 5000 ms, 5 pings, as libvirtd */
  readonly keepalive?: { readonly intervalMs: number; readonly count: number };
  /** Send the byte with which libvirtd confirms a TLS client; for TLS sockets only. @default false */
  readonly confirmTls?: boolean;
  /** Waits out a delayed reply. @default by the machine's timers */
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Called before each reply; decides its fate. @default sends all */
  readonly onReply?: (reply: OutgoingReply) => ReplyFate | Promise<ReplyFate>;
}
