import { rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import type { Duplex } from "node:stream";
import {
  type LibvirtHandlers,
  type LibvirtServerSession,
  type OutgoingReply,
  type ReplyFate,
  serveConnection,
} from "@drover/libvirt";
import type { Logger } from "@drover/model";
import { connectHandlers } from "./handlers/connect-handlers.ts";
import { domainHandlers } from "./handlers/domain-handlers.ts";
import { lifecycleHandlers } from "./handlers/lifecycle-handlers.ts";
import { migrationHandlers } from "./handlers/migration-handlers.ts";
import { nodeHandlers } from "./handlers/node-handlers.ts";
import { storagePoolHandlers } from "./handlers/storage-pool-handlers.ts";
import { storageVolumeHandlers } from "./handlers/storage-volume-handlers.ts";
import { withRefusals } from "./handlers/with-refusals.ts";
import { serverEvent } from "./server-event.ts";
import type { SimulatedFleet } from "./simulated-fleet.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import type { SimulatedHostHandle } from "./start-simulated-fleet.ts";

export interface HostServerOptions {
  readonly socketPath: string;
  readonly maxClientRequests: number | undefined;
  readonly logger: Logger;
  /** False leaves out libvirtd's own pings: over streams that cannot fall silent they only cost. */
  readonly keepalive: boolean;
}

/** The sockets of one host: libvirtd's side of the protocol for each client, with the host's faults in between. */
export class HostServer {
  readonly #fleet: SimulatedFleet;
  readonly #host: SimulatedHost;
  readonly #options: HostServerOptions;
  readonly #handlers: LibvirtHandlers;
  readonly #servers: Server[] = [];
  readonly #sessions = new Set<LibvirtServerSession>();
  #tcpPort: number | null = null;

  constructor(fleet: SimulatedFleet, host: SimulatedHost, options: HostServerOptions) {
    this.#fleet = fleet;
    this.#host = host;
    this.#options = options;
    fleet.listensOn(host, options.socketPath);
    this.#handlers = withRefusals(host.name, fleet.faults, {
      ...connectHandlers(host),
      ...nodeHandlers(host),
      ...domainHandlers(host, fleet.clock),
      ...lifecycleHandlers(host, fleet.clock),
      ...migrationHandlers(fleet, host, fleet.clock),
      ...storagePoolHandlers(host.pools),
      ...storageVolumeHandlers(host.pools, (procedure) => fleet.faults.takeTransferFault(host.name, procedure)),
    });
  }

  get handle(): SimulatedHostHandle {
    const { name, uuid, memoryMiB, cpus, cpuModel } = this.#host.spec;
    const { socketPath } = this.#options;
    return {
      name,
      uuid,
      uri: `qemu+unix:///system?socket=${socketPath}`,
      socketPath,
      peerUri: `qemu+tcp://${name}/system`,
      tcpPort: this.#tcpPort,
      memoryMiB,
      cpus,
      cpuModel,
    };
  }

  async listen(): Promise<void> {
    const { socketPath } = this.#options;
    // A socket that a killed process left behind refuses connections and blocks its name.
    await rm(socketPath, { force: true });
    await this.#listenOn({ path: socketPath });
    const { tcpPort } = this.#host.spec;
    if (tcpPort === null) return;
    const server = await this.#listenOn({ host: "127.0.0.1", port: tcpPort });
    const address = server.address();
    this.#tcpPort = typeof address === "object" && address !== null ? address.port : null;
  }

  /** Cuts every client's connection, as a machine does that goes away. */
  disconnectAll(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async close(): Promise<void> {
    this.disconnectAll();
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  async #listenOn(
    where: { readonly path: string } | { readonly host: string; readonly port: number },
  ): Promise<Server> {
    const server = createServer((socket) => this.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, () => {
        server.off("error", reject);
        resolve();
      });
    });
    this.#servers.push(server);
    return server;
  }

  /** Serves one client on a stream that it has opened; one that cannot be answered now is cut off at once. */
  accept(stream: Duplex): void {
    if (!this.#host.answers) {
      stream.destroy();
      return;
    }
    const { maxClientRequests, logger, keepalive } = this.#options;
    const session = serveConnection(stream, this.#handlers, {
      ...(maxClientRequests === undefined ? {} : { maxClientRequests }),
      ...(keepalive ? {} : { keepalive: { intervalMs: 0, count: 0 } }),
      sleep: (ms) => this.#fleet.clock.sleep(ms),
      onReply: (reply) => this.#fateOf(reply),
    });
    this.#sessions.add(session);
    const stop = this.#host.listen((event) => session.sendEvent(serverEvent(event)));
    void session.closed.then((reason) => {
      stop();
      this.#sessions.delete(session);
      if (reason !== undefined) logger.debug({ err: reason }, "Simulated libvirtd lost a client");
    });
  }

  #fateOf(reply: OutgoingReply): ReplyFate {
    if (reply.procedure === undefined) return { kind: "send" };
    const fault = this.#fleet.faults.takeReplyFault(this.#host.name, reply.procedure);
    if (fault === null) return { kind: "send" };
    if (fault.kind === "delay") return fault;
    return { kind: "drop-mid-frame", bytes: Math.floor(reply.lengthBytes / 2) };
  }
}
