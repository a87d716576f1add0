import type { Duplex } from "node:stream";
import { DroverError } from "@drover/model";
import { fromRemoteError, isLibvirtError } from "../libvirt-error.ts";
import type { Procedure, StreamDirection, StreamProcedure } from "../procedures/procedure.ts";
import { remoteError } from "../procedures/shared-structures.ts";
import { protocolError } from "../protocol-error.ts";
import type { CallOptions } from "./call-options.ts";
import { FrameSplitter } from "./frame-splitter.ts";
import { DEFAULT_KEEPALIVE, Keepalive, type KeepaliveOptions } from "./keepalive.ts";
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
} from "./message.ts";
import { PendingCall } from "./pending-call.ts";
import { RpcStream } from "./rpc-stream.ts";
import { machineTimer, type StartTimer } from "./start-timer.ts";
import { streamHoleFrame } from "./stream-hole.ts";

export interface RpcChannelOptions {
  readonly keepalive?: KeepaliveOptions;
  readonly frameLimitBytes?: number;
  /**
   * Calls that may be with libvirtd at once; more wait here, in order. libvirtd stops reading a client at
   * `max_client_requests` (5 by default), keepalive pings included, so the default leaves it one to read.
   * @default 4
   */
  readonly maxOutstandingCalls?: number;
  /**
   * Closes the channel when libvirtd owes an answer to each of those calls and nobody waits for one any more: nothing else would be
   * sent. For connections whose owner opens another one.
   * @default false
   */
  readonly closeWhenStuck?: boolean;
  /** Measures calls' deadlines; for who owns the time. Keepalive is by the machine's timers always. @default the machine's */
  readonly startTimer?: StartTimer;
}

/** Of the opening. It hears no signal: who gives it up in the middle would lose the connection; see {@link RpcStream.stop}. */
export interface StreamOptions extends Pick<CallOptions, "deadlineMs"> {
  /** The call's flags tell libvirtd that there may be holes. @default false */
  readonly sparse?: boolean;
}

/**
 * The client's half of a connection: numbers calls, pairs replies with them, hands on events, answers keepalive.
 *
 * It has two modes, open and closed, and goes from one to the other once: on {@link close}, at the end of the stream, on
 * silence, or on the first byte it cannot trust. Every call then unanswered is rejected.
 */
export class RpcChannel {
  readonly #socket: Duplex;
  readonly #splitter: FrameSplitter;
  readonly #keepalive: Keepalive;
  readonly #maxOutstanding: number;
  readonly #closeWhenStuck: boolean;
  readonly #startTimer: StartTimer;
  readonly #onEvent: (frame: Frame) => void;
  readonly #outstanding = new Map<number, PendingCall>();
  readonly #streams = new Map<number, RpcStream>();
  /** Serials of streams whose reader is behind; the socket is not read while there is one. */
  readonly #holding = new Set<number>();
  #keepaliveWanted = false;
  #waiting: PendingCall[] = [];
  #lastSerial = 0;
  #closed: { readonly cause: unknown } | undefined;
  readonly #whenClosed = Promise.withResolvers<unknown>();

  constructor(socket: Duplex, onEvent: (frame: Frame) => void, options: RpcChannelOptions = {}) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    this.#splitter = new FrameSplitter(options.frameLimitBytes);
    this.#maxOutstanding = options.maxOutstandingCalls ?? 4;
    this.#closeWhenStuck = options.closeWhenStuck ?? false;
    this.#startTimer = options.startTimer ?? machineTimer;
    this.#keepalive = new Keepalive(
      options.keepalive ?? DEFAULT_KEEPALIVE,
      () => this.#socket.write(keepaliveFrame(KEEPALIVE_PING)),
      () => this.close(new DroverError("unavailable", "libvirtd answered no keepalive; the connection is given up")),
    );
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("drain", () => this.#drained());
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => this.close(error));
    socket.on("close", () => this.close(new DroverError("unavailable", "libvirtd closed the connection")));
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Resolves with the reason once the channel is closed; never rejects. */
  get closed(): Promise<unknown> {
    return this.#whenClosed.promise;
  }

  /** Starts sending pings. Only for a server that knows the keepalive program: others would drop the connection. */
  startKeepalive(): void {
    this.#keepaliveWanted = true;
    if (this.#closed === undefined) this.#keepalive.start();
  }

  /**
   * Sends one call and waits for its answer.
   *
   * @param onReply Runs with the result before any later frame is looked at, so that an event right behind its
   *   registration finds its listener.
   */
  async call<Args, Ret>(
    name: string,
    procedure: Procedure<Args, Ret>,
    args: Args,
    options: CallOptions = {},
    onReply?: (ret: Ret) => void,
  ): Promise<Ret> {
    options.signal?.throwIfAborted();
    return this.#callAs(this.#nextSerial(), name, procedure, args, options, onReply);
  }

  /**
   * Makes a call that opens a stream. If its deadline passes, the channel is closed: libvirtd would fill it with data that
   * nobody reads.
   */
  async openStream<Args>(
    name: string,
    procedure: StreamProcedure<Args, StreamDirection>,
    args: Args,
    { sparse = false, ...options }: StreamOptions = {},
  ): Promise<RpcStream> {
    const serial = this.#nextSerial();
    const stream = new RpcStream(
      name,
      { changes: procedure.changes, sparse },
      {
        send: (status, data) => this.#socket.write(streamFrame(procedure.number, serial, status, data)),
        sendHole: (hole) => this.#socket.write(streamHoleFrame(procedure.number, serial, hole)),
        holdReading: (held) => this.#holdReading(serial, held),
        release: () => void this.#streams.delete(serial),
        giveUp: (cause) => this.close(cause),
      },
    );
    // Before the call is sent: libvirtd's first data may overtake its reply.
    this.#streams.set(serial, stream);
    try {
      await this.#callAs(serial, name, procedure, args, options);
    } catch (error) {
      this.#streams.delete(serial);
      if (!isLibvirtError(error)) this.close(error);
      throw error;
    }
    return stream;
  }

  async #callAs<Args, Ret>(
    serial: number,
    name: string,
    procedure: Procedure<Args, Ret>,
    args: Args,
    options: CallOptions,
    onReply?: (ret: Ret) => void,
  ): Promise<Ret> {
    const frame = encodeFrame(
      {
        program: REMOTE_PROGRAM,
        version: PROGRAM_VERSION,
        procedure: procedure.number,
        type: MessageType.call,
        serial,
        status: MessageStatus.ok,
      },
      procedure.args,
      args,
    );
    const answer = Promise.withResolvers<Ret>();
    const call = new PendingCall(
      { name, procedure: procedure.number, changes: procedure.changes, serial, frame },
      options,
      {
        resolve: (reply) => {
          try {
            if (reply.header.status !== MessageStatus.ok) {
              answer.reject(fromRemoteError(decodeBody(reply, remoteError, `the error of ${name}`), name));
              return;
            }
            const ret = decodeBody(reply, procedure.ret, `the reply to ${name}`);
            onReply?.(ret);
            answer.resolve(ret);
          } catch (error) {
            answer.reject(error);
            throw error;
          }
        },
        reject: answer.reject,
        abandoned: (abandoned) => this.#abandoned(abandoned),
      },
      this.#startTimer,
    );
    if (this.#closed !== undefined) {
      call.interrupt(this.#closed.cause);
    } else {
      this.#waiting.push(call);
      this.#sendWaiting();
    }
    return answer.promise;
  }

  /** Closes at once. Calls on their way are rejected, as said at {@link PendingCall.interrupt}. */
  close(cause: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = { cause };
    this.#keepalive.stop();
    this.#socket.destroy();
    const calls = [...this.#outstanding.values(), ...this.#waiting];
    this.#outstanding.clear();
    this.#waiting = [];
    for (const call of calls) call.interrupt(cause);
    for (const stream of [...this.#streams.values()]) stream.lost(cause);
    this.#whenClosed.resolve(cause);
  }

  #nextSerial(): number {
    // 0 is for messages that want no answer; a long-lived connection may come round to it.
    this.#lastSerial = this.#lastSerial === 0xffff_ffff ? 1 : this.#lastSerial + 1;
    return this.#lastSerial;
  }

  #sendWaiting(): void {
    while (this.#outstanding.size < this.#maxOutstanding) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      call.sent = true;
      this.#outstanding.set(call.serial, call);
      this.#socket.write(call.frame);
    }
  }

  #abandoned(call: PendingCall): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting !== call);
    const isFull = this.#outstanding.size >= this.#maxOutstanding;
    if (this.#closeWhenStuck && isFull && [...this.#outstanding.values()].every(({ isSettled }) => isSettled)) {
      this.close(
        new DroverError("unavailable", "libvirtd answers none of the calls before; the connection is given up"),
      );
    }
  }

  #received(chunk: Buffer): void {
    if (this.#closed !== undefined) return;
    this.#keepalive.alive();
    try {
      this.#splitter.push(chunk);
      for (let frame = this.#splitter.next(); frame !== undefined; frame = this.#splitter.next()) {
        this.#route(frame);
        if (this.isClosed) return;
      }
    } catch (error) {
      this.close(error);
    }
  }

  #drained(): void {
    for (const stream of this.#streams.values()) stream.drained();
  }

  #holdReading(serial: number, held: boolean): void {
    if (this.#closed !== undefined || this.#holding.has(serial) === held) return;
    if (held) this.#holding.add(serial);
    else this.#holding.delete(serial);
    if (this.#holding.size > 0) {
      this.#socket.pause();
      // Silence of our own making says nothing about libvirtd.
      this.#keepalive.stop();
    } else {
      this.#socket.resume();
      if (this.#keepaliveWanted) this.#keepalive.start();
    }
  }

  #ended(): void {
    try {
      this.#splitter.end();
      this.close(new DroverError("unavailable", "libvirtd closed the connection"));
    } catch (error) {
      this.close(error);
    }
  }

  #route(frame: Frame): void {
    const { program, procedure, type, serial } = frame.header;
    if (program === KEEPALIVE_PROGRAM) {
      if (procedure === KEEPALIVE_PING) this.#socket.write(keepaliveFrame(KEEPALIVE_PONG));
      return;
    }
    if (program !== REMOTE_PROGRAM) throw protocolError(`program 0x${program.toString(16)} is unknown`, 4);
    if (type === MessageType.message) {
      this.#onEvent(frame);
      return;
    }
    if (type === MessageType.stream || type === MessageType.streamHole) {
      // Data may still be on their way for a stream that is over; libvirt's own client drops them too.
      this.#streams.get(serial)?.received(frame);
      return;
    }
    if (type !== MessageType.reply) throw protocolError(`libvirtd sent a message of type ${type}, not a reply`, 16);
    const call = this.#outstanding.get(serial);
    if (call === undefined) throw protocolError(`a reply to call ${serial}, which nobody made`, 20);
    if (call.procedure !== procedure) {
      throw protocolError(`call ${serial} of procedure ${call.procedure} was answered by procedure ${procedure}`, 12);
    }
    this.#outstanding.delete(serial);
    call.resolve(frame);
    this.#sendWaiting();
  }
}
