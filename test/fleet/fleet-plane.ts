/** A Drover of separate processes over a real broker, Redis and PostgreSQL, and a fleet of simulated hosts in a few processes. */
import { fileURLToPath } from "node:url";
import type { DroverClient } from "@drover/api-client";
import { WorkerProcess } from "../bench/worker-process.ts";
import { type FleetServices, type FleetServicesOptions, startFleetServices, untilUp } from "./fleet-services.ts";
import {
  guestNames,
  type HostProcessRequest,
  type HostProcessSpec,
  type HostProcessState,
  hostNames,
  nextOf,
} from "./host-process-spec.ts";

export interface FleetPlaneOptions extends FleetServicesOptions, Pick<HostProcessSpec, "guestsPerHost" | "linkMiBps"> {
  /** How many processes the hosts are in, and how many are in each. */
  readonly processes: number;
  readonly hostsPerProcess: number;
}

/** A migration that the fleet can carry out: a guest, where it begins and where it is sent. */
export interface Move {
  readonly guest: string;
  readonly from: string;
  readonly to: string;
}

/** A process of simulated hosts. */
export interface HostProcess {
  readonly pid: number | undefined;
  readonly hosts: readonly string[];
  /** Every guest to the next host of the process. */
  readonly moves: readonly Move[];
  /** What its hosts can send to their next one from now on, MiB/s. */
  setLinks(linkMiBps: number): Promise<void>;
  state(): Promise<HostProcessState>;
}

export interface FleetPlane extends FleetServices {
  readonly hostProcesses: readonly HostProcess[];
}

/** Resolves when the API shows every host as up. */
export async function startFleetPlane(options: FleetPlaneOptions): Promise<FleetPlane> {
  const { processes, hostsPerProcess, guestsPerHost, linkMiBps } = options;
  await using started = new AsyncDisposableStack();
  const services = started.use(await startFleetServices(options));
  const specs = Array.from({ length: processes }, (_, index) => ({
    ...{ name: `h${index}`, hosts: hostsPerProcess, guestsPerHost, linkMiBps },
    ...{ busUrl: services.rabbit.url, progressUrl: services.redis.url },
  }));
  const hostProcesses = await Promise.all(specs.map((spec) => startHosts(started, spec)));
  await untilUp(services, processes * hostsPerProcess, guestsPerHost);
  const stack = started.move();
  return { ...services, hostProcesses, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Asks for the migrations, several at a time; resolves with their numbers, in the same order. */
export async function requestMoves(client: DroverClient, moves: readonly Move[], atOnce = 16): Promise<number[]> {
  const ids: number[] = [];
  const waiting = moves.entries();
  const ask = async () => {
    for (const [index, { guest, to }] of waiting) ids[index] = (await client.migrate(guest, { host: to })).migration.id;
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
  return ids;
}

async function startHosts(stack: AsyncDisposableStack, spec: HostProcessSpec): Promise<HostProcess> {
  const program = fileURLToPath(new URL("host-process.ts", import.meta.url));
  const worker = await WorkerProcess.start([process.execPath, program, JSON.stringify(spec)]);
  stack.defer(() => worker.end());
  const hosts = hostNames(spec);
  const ask = (request: HostProcessRequest) => worker.ask(request);
  return {
    pid: worker.pid,
    hosts,
    moves: hosts.flatMap((from) => guestNames(spec, from).map((guest) => ({ guest, from, to: nextOf(hosts, from) }))),
    setLinks: async (linkMiBps) => {
      await ask({ linkMiBps });
    },
    state: async () => (await ask({ ask: "state" })) as HostProcessState,
  };
}
