import type { Duplex } from "node:stream";
import { DroverError } from "@drover/model";
import { authenticate } from "./authenticate.ts";
import type { Call } from "./calls/call.ts";
import { connectCalls } from "./calls/connect-calls.ts";
import { domainCalls } from "./calls/domain-calls.ts";
import { migrationCalls } from "./calls/migration-calls.ts";
import { storagePoolCalls, storageVolCalls } from "./calls/storage-calls.ts";
import { VIR_DRV_FEATURE } from "./constants/host-constants.ts";
import { type DomainEventType, decodeDomainEvent } from "./domain-events.ts";
import { DomainEventStream } from "./event-stream.ts";
import { eventMessages } from "./procedures/event-messages.ts";
import type { Procedure } from "./procedures/procedure.ts";
import { type ArgsOf, type ProcedureName, procedures, type RetOf } from "./procedures/procedure-table.ts";
import type { Domain } from "./procedures/shared-structures.ts";
import { type DialOptions, dial } from "./transport/dial.ts";
import { type LibvirtAddress, parseLibvirtUri } from "./transport/libvirt-uri.ts";
import type { CallOptions } from "./wire/call-options.ts";
import { RpcChannel, type RpcChannelOptions } from "./wire/rpc-channel.ts";

export interface ConnectionOptions extends RpcChannelOptions, DialOptions {
  /** Opens the stream to libvirtd, as {@link dial} does: for streams that are no sockets of this machine. @default dial */
  readonly dial?: (address: LibvirtAddress, options: DialOptions) => Promise<Duplex>;
}

export interface SubscriptionOptions extends CallOptions {
  /** Only events of this domain. @default every domain */
  readonly dom?: Domain;
  /** Events that wait for their reader; see {@link DomainEventStream}. @default 1024 */
  readonly queueLimit?: number;
}

/**
 * One connection to one libvirtd. Calls go out at once, up to four, and are answered in any order; further ones wait
 * their turn. It never reconnects: when it is lost every call rejects, {@link closed} resolves, and its owner opens
 * another one.
 */
export class LibvirtConnection {
  readonly #channel: RpcChannel;
  readonly #streams = new Map<number, DomainEventStream>();
  readonly connect: ReturnType<typeof connectCalls>;
  readonly domain: ReturnType<typeof domainCalls>;
  readonly migration: ReturnType<typeof migrationCalls>;
  readonly storagePool: ReturnType<typeof storagePoolCalls>;
  readonly storageVol: ReturnType<typeof storageVolCalls>;

  /** A connection over a socket somebody else opened; {@link openOver} is the way to one that is ready to use. */
  private constructor(socket: Duplex, options: ConnectionOptions) {
    this.#channel = new RpcChannel(
      socket,
      (frame) => {
        const decoded = decodeDomainEvent(frame);
        // Unknown messages are other events; one may also still be on its way when its registration is taken back.
        if (decoded !== undefined) this.#streams.get(decoded.callbackID)?.push(decoded.event);
      },
      options,
    );
    void this.#channel.closed.then((cause) => this.#lost(cause));
    const call: Call = (name, args, callOptions) => this.call(name, args, callOptions);
    this.connect = connectCalls(call);
    this.domain = domainCalls(call);
    this.migration = migrationCalls(call);
    this.storagePool = storagePoolCalls(call);
    this.storageVol = storageVolCalls(call, (name, args, callOptions) =>
      this.#channel.openStream(name, procedures[name], args, callOptions),
    );
  }

  /**
   * Dials, authenticates and opens the driver that the URI names.
   *
   * @throws {DroverError} `bad-request` for a URI we cannot use; `unavailable` if libvirtd is not there; `refused` if it
   *   wants SASL or does not like our certificate; `libvirt` if it refuses the driver.
   */
  static async open(uri: string, options: ConnectionOptions = {}): Promise<LibvirtConnection> {
    const address = parseLibvirtUri(uri);
    const socket = await (options.dial ?? dial)(address, options);
    return LibvirtConnection.openOver(socket, address.driverUri, options);
  }

  /** The same over an open socket, for transports of one's own. The socket is destroyed if this fails. */
  static async openOver(
    socket: Duplex,
    driverUri: string,
    options: ConnectionOptions = {},
  ): Promise<LibvirtConnection> {
    const connection = new LibvirtConnection(socket, options);
    const callOptions: CallOptions = options.signal === undefined ? {} : { signal: options.signal };
    try {
      await authenticate((name, args, more) => connection.call(name, args, more), callOptions);
      // Asking for this feature is also what makes libvirtd start its own pings.
      const feature = VIR_DRV_FEATURE.VIR_DRV_FEATURE_PROGRAM_KEEPALIVE;
      if (await connection.connect.supportsFeature(feature, callOptions)) connection.#channel.startKeepalive();
      await connection.call("connectOpen", { name: driverUri, flags: 0 }, callOptions);
      return connection;
    } catch (error) {
      connection.#channel.close(error);
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.#channel.isClosed;
  }

  /** Resolves with the reason when the connection is over; never rejects. */
  get closed(): Promise<unknown> {
    return this.#channel.closed;
  }

  /**
   * Calls a procedure by libvirt's name with its arguments as they are on the wire; the groups beside this are the
   * convenient form.
   *
   * @throws {LibvirtError} if libvirtd refuses.
   * @throws {DroverError} `deadline-exceeded`; `outcome-unknown` if the connection broke during a call that changes
   *   something; `unavailable` if it broke otherwise, or was closed already; `protocol` on bytes that cannot be read;
   *   `bad-request` if the arguments do not fit the wire. An aborted signal rejects with its reason.
   */
  call<Name extends ProcedureName>(name: Name, args: ArgsOf<Name>, options?: CallOptions): Promise<RetOf<Name>> {
    return this.#channel.call(name, tableEntry(name), args, options);
  }

  /**
   * Registers for events and gives them as a stream. Nothing that happens after this resolves is missed, save what
   * `events-lost` counts.
   */
  async subscribe(types: readonly DomainEventType[], options: SubscriptionOptions = {}): Promise<DomainEventStream> {
    const ids: number[] = [];
    const stream = new DomainEventStream(options.queueLimit ?? 1024, () => this.#unregister(ids));
    try {
      for (const type of types) {
        await this.#channel.call(
          "connectDomainEventCallbackRegisterAny",
          procedures.connectDomainEventCallbackRegisterAny,
          { eventID: eventMessages[type].eventId, dom: options.dom ?? null },
          options,
          ({ callbackID }) => {
            ids.push(callbackID);
            this.#streams.set(callbackID, stream);
          },
        );
      }
      return stream;
    } catch (error) {
      await stream.close();
      throw error;
    }
  }

  /**
   * Says goodbye and closes. Calls still on their way are rejected as if the connection had broken; event streams end.
   * Never rejects; safe to repeat.
   */
  async close(): Promise<void> {
    if (this.isClosed) return;
    for (const stream of new Set(this.#streams.values())) stream.finish();
    this.#streams.clear();
    await this.call("connectClose", {}, { deadlineMs: 2_000 }).catch(() => undefined);
    this.#channel.close(new DroverError("unavailable", "this connection was closed by its owner"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #unregister(ids: readonly number[]): Promise<void> {
    for (const callbackID of ids) {
      this.#streams.delete(callbackID);
      // A connection that is gone has taken its registrations along.
      await this.call("connectDomainEventCallbackDeregisterAny", { callbackID }).catch(() => undefined);
    }
  }

  #lost(cause: unknown): void {
    for (const stream of new Set(this.#streams.values())) {
      stream.finish(new DroverError("unavailable", "the connection that these events came on is lost", { cause }));
    }
    this.#streams.clear();
  }
}

/** The table's entry with the types its name stands for; the compiler cannot follow them through the union. */
function tableEntry<Name extends ProcedureName>(name: Name): Procedure<ArgsOf<Name>, RetOf<Name>> {
  const entry: Procedure<unknown, unknown> = procedures[name];
  return entry as Procedure<ArgsOf<Name>, RetOf<Name>>;
}
