import type { LabHost } from "../lab/lab-host.ts";
import { freePort } from "../process/free-port.ts";
import { createOwnedFolder } from "../process/owned-folder.ts";
import { TestkitError } from "../testkit-error.ts";
import {
  type DroverProcess,
  type DroverProcessOptions,
  startDroverProcess,
  unbuiltServices,
} from "./drover-process.ts";
import { firstAdminToken } from "./first-admin-token.ts";

/** What a Drover of separate processes is started over. */
export interface DroverOptions {
  /** What the broker is. @default "amqp" */
  readonly busDriver?: "amqp" | "nats";
  /** URL of RabbitMQ or NATS. It must be reachable from the hosts, unless agents use the root network. */
  readonly busUrl: string;
  /** URL of a PostgreSQL database. */
  readonly storeUrl: string;
  /** URL of Redis; reachable as `busUrl` is. */
  readonly progressUrl: string;
  /** The hosts to manage: one agent each, with the host's namespaces. */
  readonly hosts: readonly LabHost[];
  /** Which network agents use. Use "host" to cut an agent off with its host. @default "host" */
  readonly agentNetwork?: "host" | "root";
  /** Port of the API on loopback. @default a free one */
  readonly apiPort?: number;
  /** Configuration for all processes, over what follows from the rest: `DROVER_*` variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Configuration of one host's agent, over all of that. @default none */
  readonly agentEnv?: (host: LabHost) => Readonly<Record<string, string>>;
  /** How many conductors. @default 1 */
  readonly conductors?: number;
  /** Let it outlive this process, until {@link stopGroup} is called with this name. @default none */
  readonly group?: string;
}

/** A Drover of separate processes, as it is deployed on several machines. */
export interface RunningDrover extends AsyncDisposable {
  /** Where the API listens: `http://127.0.0.1:<port>`, what `drover --url` takes. */
  readonly url: string;
  /** Its administrator's token, what `drover --token` takes. */
  readonly token: string;
  readonly folder: string;
  readonly processes: readonly DroverProcess[];
  readonly api: DroverProcess;
  readonly conductors: readonly DroverProcess[];
  readonly scheduler: DroverProcess;
  /** In the order of the hosts. */
  readonly agents: readonly DroverProcess[];
  /** Asks all processes to end, waits for it, and removes their folder. */
  stop(): Promise<void>;
}

/**
 * Starts one agent per host, conductors, a scheduler and an API, each `node packages/<service>/dist/main.js`; resolves
 * when all of them are ready. If it rejects, none is left.
 *
 * @throws {TestkitError} with the log of the process that is not ready, or if something was not built.
 */
export async function startDrover(options: DroverOptions): Promise<RunningDrover> {
  const { hosts, conductors: conductorCount = 1, agentNetwork = "host", group } = options;
  const unbuilt = unbuiltServices();
  if (unbuilt.length > 0) throw new TestkitError(`not built: packages ${unbuilt.join(", ")}; run npm run build`);
  const apiPort = options.apiPort ?? (await freePort());
  const folder = await createOwnedFolder({ kind: "drover", group });
  const shared = {
    DROVER_DATA_DIR: folder.path,
    DROVER_BUS_DRIVER: options.busDriver ?? "amqp",
    DROVER_BUS_URL: options.busUrl,
    DROVER_STORE_URL: options.storeUrl,
    DROVER_PROGRESS_URL: options.progressUrl,
    DROVER_API_PORT: String(apiPort),
    ...options.env,
  };
  const start = (process: Pick<DroverProcessOptions, "service" | "label" | "host">, env: Record<string, string> = {}) =>
    startDroverProcess({ ...process, folder, network: agentNetwork, env: { ...shared, ...env } });
  try {
    const conductors = await Promise.all(
      Array.from({ length: conductorCount }, (_, index) =>
        start({ service: "conductor", label: conductorCount === 1 ? "conductor" : `conductor-${index + 1}` }),
      ),
    );
    const scheduler = await start({ service: "scheduler" });
    const api = await start({ service: "api" });
    const agents = await Promise.all(
      hosts.map((host) =>
        start(
          { service: "compute-agent", label: `agent-${host.name}`, host },
          { ...agentSettings(host), ...options.agentEnv?.(host) },
        ),
      ),
    );
    const processes = [...conductors, scheduler, api, ...agents];
    await Promise.all(processes.map((process) => process.waitUntilReady()));
    const token = await firstAdminToken(shared);
    const stop = async () => {
      // Agents last: what the others ask of them on their way out is still answered.
      await Promise.all([api, scheduler, ...conductors].map((process) => process.stop()));
      await Promise.all(agents.map((process) => process.stop()));
      await folder.remove();
    };
    return {
      url: `http://127.0.0.1:${apiPort}`,
      token,
      folder: folder.path,
      processes,
      api,
      conductors,
      scheduler,
      agents,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** What tells an agent about its host. libvirt's socket is at its usual place there, so that needs no telling. */
function agentSettings(host: LabHost): Record<string, string> {
  return {
    DROVER_COMPUTE_HOST: host.name,
    DROVER_COMPUTE_LIVE_MIGRATION_INBOUND_ADDR: host.migrationAddress,
    DROVER_COMPUTE_LIBVIRT_MIGRATION_URI: host.migrationUri,
  };
}
