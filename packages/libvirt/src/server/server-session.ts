import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { DroverError } from "@drover/model";
import { VIR_FROM } from "../constants/error-codes.ts";
import { VIR_DRV_FEATURE } from "../constants/host-constants.ts";
import { VIR_STORAGE_VOL_SPARSE_STREAM } from "../constants/storage-constants.ts";
import { LibvirtError, toRemoteError } from "../libvirt-error.ts";
import { type ProcedureName, procedureName, procedures } from "../procedures/procedure-table.ts";
import { remoteError } from "../procedures/shared-structures.ts";
import { protocolError } from "../protocol-error.ts";
import { FrameSplitter } from "../wire/frame-splitter.ts";
import { DEFAULT_KEEPALIVE, Keepalive } from "../wire/keepalive.ts";
import {
  decodeBody,
  encodeFrame,
  type Frame,
  KEEPALIVE_PING,
  KEEPALIVE_PONG,
  KEEPALIVE_PROGRAM,
  keepaliveFrame,
  MessageStatus,
  MessageType,
  PROGRAM_VERSION,
  REMOTE_PROGRAM,
  streamFrame,
} from "../wire/message.ts";
import { type StreamHole, streamHoleFrame } from "../wire/stream-hole.ts";
import type { Codec } from "../xdr/codec.ts";
import { none } from "../xdr/composites.ts";
import { defaultHandlers } from "./default-handlers.ts";
import { EventRegistrations } from "./event-registrations.ts";
import type { LibvirtHandlers, OutgoingReply, ServerEvent, ServerOptions } from "./libvirt-handlers.ts";
import { ServerStream } from "./server-stream.ts";

/** What libvirtd 9.0.0 puts there, although the protocol file says 0; clients look at the procedure alone. */
const EVENT_SERIAL = 1;

type AnyHandler = (args: never, session: LibvirtServerSession) => unknown;

/**
 * libvirtd's half of one connection: reads calls, has handlers carry them out side by side, sends replies, remote errors
 * and events. With `maxClientRequests` calls under way it reads no further, as libvirtd does.
 *
 * Bytes it cannot trust end the session with `protocol`; arguments that do not decode are refused with VIR_ERR_RPC.
 */
export class LibvirtServerSession {
  readonly #socket: Duplex;
  readonly #handlers: LibvirtHandlers;
  readonly #options: ServerOptions;
  readonly #splitter: FrameSplitter;
  readonly #keepalive: Keepalive;
  readonly #whenClosed = Promise.withResolvers<unknown>();
  readonly registrations = new EventRegistrations();
  readonly #streams = new Map<number, ServerStream>();
  #requests = 0;
  #closed = false;

  constructor(socket: Duplex, handlers: LibvirtHandlers, options: ServerOptions = {}) {
    this.#socket = socket;
    this.#handlers = { ...defaultHandlers, ...handlers };
    this.#options = options;
    this.#splitter = new FrameSplitter(options.frameLimitBytes);
    this.#keepalive = new Keepalive(
      options.keepalive ?? DEFAULT_KEEPALIVE,
      () => this.#write(keepaliveFrame(KEEPALIVE_PING)),
      () => this.destroy(new DroverError("unavailable", "the client answered no keepalive")),
    );
    if (options.confirmTls === true) socket.write(Uint8Array.of(1));
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Resolves with the reason when the session is over, undefined if the client left in good order; never rejects. */
  get closed(): Promise<unknown> {
    return this.#whenClosed.promise;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Calls under way, those with a delayed or swallowed reply included. */
  get requests(): number {
    return this.#requests;
  }

  /** Sends an event to every registration on this connection that asked for it. */
  sendEvent(event: ServerEvent): void {
    for (const { number, codec, body } of this.registrations.messagesFor(event)) {
      const header = { program: REMOTE_PROGRAM, version: PROGRAM_VERSION, procedure: number };
      this.#write(
        encodeFrame(
          { ...header, type: MessageType.message, serial: EVENT_SERIAL, status: MessageStatus.ok },
          codec,
          body,
        ),
      );
    }
  }

  /** Cuts the connection, as a libvirtd that dies does. Handlers under way run on; their replies go nowhere. */
  destroy(cause?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keepalive.stop();
    this.#socket.destroy();
    for (const stream of this.#streams.values()) stream.lost();
    this.#whenClosed.resolve(cause);
  }

  #received(chunk: Buffer): void {
    if (this.#closed) return;
    this.#keepalive.alive();
    this.#splitter.push(chunk);
    this.#readOn();
  }

  #ended(): void {
    try {
      this.#splitter.end();
      this.destroy();
    } catch (error) {
      this.destroy(error);
    }
  }

  #readOn(): void {
    const limit = this.#options.maxClientRequests ?? 5;
    try {
      while (!this.#closed && this.#requests < limit) {
        const frame = this.#splitter.next();
        if (frame === undefined) break;
        this.#route(frame);
      }
    } catch (error) {
      this.destroy(error);
      return;
    }
    if (this.#requests < limit) this.#socket.resume();
    else this.#socket.pause();
  }

  #route(frame: Frame): void {
    const { program, procedure, type } = frame.header;
    if (program === KEEPALIVE_PROGRAM) {
      if (procedure === KEEPALIVE_PING) this.#write(keepaliveFrame(KEEPALIVE_PONG));
      return;
    }
    if (type === MessageType.stream || type === MessageType.streamHole) {
      const stream = this.#streams.get(frame.header.serial);
      // Data of a stream that is over may still arrive; libvirtd drops it too.
      if (stream === undefined) return;
      this.#requests += 1;
      stream.received(frame);
      return;
    }
    if (type !== MessageType.call && type !== MessageType.callWithFds) {
      throw protocolError(`a client sent a message of type ${type}, not a call`, 16);
    }
    this.#requests += 1;
    void this.#carryOut(frame)
      // A result that does not fit the wire, or a fault hook that throws: a bug of the server, and no reply is possible.
      .catch((error: unknown) => this.destroy(error))
      .finally(() => this.#served());
  }

  #served(): void {
    this.#requests -= 1;
    if (!this.#closed) this.#readOn();
  }

  async #carryOut(frame: Frame): Promise<void> {
    const name = procedureName(frame.header.procedure);
    const { bytes, ok, run } = await this.#answer(frame, name).then(
      (ret) => ({ bytes: this.#encodeResult(frame, name, ret), ok: true, run: this.#streamOf(frame, name, ret) }),
      (error: unknown) => ({ bytes: this.#encodeRefusal(frame, error), ok: false, run: undefined }),
    );
    await this.#reply(name, frame, bytes, ok);
    if (run !== undefined && !this.#closed) void run().catch((error: unknown) => this.destroy(error));
  }

  /** What carries on once the reply of a call that opens a stream is sent. It is no request any more then. */
  #streamOf(frame: Frame, name: ProcedureName | undefined, result: unknown): (() => Promise<void>) | undefined {
    const definition = name === undefined ? undefined : procedures[name];
    if (definition === undefined || !("stream" in definition)) return undefined;
    const { serial, procedure } = frame.header;
    const stream = new ServerStream(asksForHoles(frame), {
      send: (status, data) => this.#send(streamFrame(procedure, serial, status, data)),
      sendHole: (hole) => this.#send(streamHoleFrame(procedure, serial, hole)),
      fail: (error) => this.#write(this.#encodeRefusal(frame, error, MessageType.stream)),
      served: () => this.#served(),
    });
    this.#streams.set(serial, stream);
    return () =>
      (definition.stream === "from-server"
        ? stream.sendAll(result as AsyncIterable<Uint8Array | StreamHole>)
        : stream.receiveAll(result as (data: AsyncIterable<Buffer | StreamHole>) => Promise<void>)
      ).finally(() => this.#streams.delete(serial));
  }

  #encodeResult(frame: Frame, name: ProcedureName | undefined, ret: unknown): Buffer {
    const codec: Codec<unknown> = name === undefined ? none : procedures[name].ret;
    return encodeFrame({ ...frame.header, type: MessageType.reply, status: MessageStatus.ok }, codec, ret);
  }

  #encodeRefusal(frame: Frame, error: unknown, type: number = MessageType.reply): Buffer {
    const refusal =
      error instanceof LibvirtError
        ? error
        : LibvirtError.refusal("VIR_ERR_INTERNAL_ERROR", `internal error: ${String(error)}`);
    const header = { ...frame.header, type, status: MessageStatus.error };
    return encodeFrame(header, remoteError, toRemoteError(refusal));
  }

  async #answer(frame: Frame, name: ProcedureName | undefined): Promise<unknown> {
    const { program, procedure, type } = frame.header;
    if (program !== REMOTE_PROGRAM) {
      throw rpcError(`Cannot find program ${program} version ${frame.header.version}`);
    }
    if (name === undefined) throw rpcError(`unknown procedure: ${procedure}`);
    if (type === MessageType.callWithFds) throw rpcError(`${name} came with file descriptors, which we do not take`);
    const args = decodeArguments(frame, name);
    if (name === "connectSupportsFeature" && isKeepalive(args)) {
      this.#keepalive.start();
      return { supported: true };
    }
    const handler = this.#handlers[name] as AnyHandler | undefined;
    if (handler === undefined) {
      throw LibvirtError.refusal(
        "VIR_ERR_NO_SUPPORT",
        `this function is not supported by the connection driver: ${name}`,
      );
    }
    return handler(args as never, this);
  }

  async #reply(name: ProcedureName | undefined, frame: Frame, bytes: Buffer, ok: boolean): Promise<void> {
    const reply: OutgoingReply = { procedure: name, serial: frame.header.serial, lengthBytes: bytes.length, ok };
    const fate = (await this.#options.onReply?.(reply)) ?? { kind: "send" };
    switch (fate.kind) {
      case "swallow":
        // Resolves when the session ends, so that the request counts until then.
        await this.closed;
        return;
      case "drop-mid-frame":
        this.#socket.write(bytes.subarray(0, fate.bytes), () => this.destroy());
        return;
      case "delay":
        await (this.#options.sleep ?? delay)(fate.delayMs);
        break;
      default:
    }
    this.#write(bytes);
    if (name === "connectClose" && ok) this.#socket.end(() => this.destroy());
  }

  #write(bytes: Buffer): void {
    if (!this.#closed) this.#socket.write(bytes);
  }

  /** The same, and resolves once the socket has taken it, or is gone. */
  async #send(bytes: Buffer): Promise<void> {
    if (!this.#closed) await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
  }
}

function decodeArguments(frame: Frame, name: ProcedureName): unknown {
  try {
    return decodeBody<unknown>(frame, procedures[name].args, `the arguments of ${name}`);
  } catch {
    throw rpcError("Unable to decode message payload");
  }
}

/** Both calls that open a stream have their flags last; the one they know is VIR_STORAGE_VOL_SPARSE_STREAM. */
function asksForHoles({ bytes }: Frame): boolean {
  return (bytes.readUInt32BE(bytes.length - 4) & VIR_STORAGE_VOL_SPARSE_STREAM) !== 0;
}

function isKeepalive(args: unknown): boolean {
  const feature = VIR_DRV_FEATURE.VIR_DRV_FEATURE_PROGRAM_KEEPALIVE;
  return typeof args === "object" && args !== null && "feature" in args && args.feature === feature;
}

function rpcError(text: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_RPC", text, VIR_FROM.VIR_FROM_RPC);
}
