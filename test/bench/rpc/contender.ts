import { fileURLToPath } from "node:url";
import { cpuMs, rssMiB } from "../process-usage.ts";
import type { WorkerProcess } from "../worker-process.ts";
import type { Load, Sample } from "./load.ts";

/** One alternative: a client and a server process, and the broker between them. */
export interface Contender {
  readonly key: string;
  readonly label: string;
  readonly client: WorkerProcess;
  readonly server: WorkerProcess;
  readonly brokerPid: () => number | undefined;
}

/** A sample with what the three processes used for it. */
export interface Measurement extends Sample {
  readonly callsPerS: number;
  readonly clientCpuMsPerCall: number;
  readonly serverCpuMsPerCall: number;
  readonly brokerCpuMsPerCall: number;
  readonly clientRssMiB: number;
  readonly serverRssMiB: number;
}

const PYTHON = "/usr/bin/python3";

/** The command of one end of an alternative. */
export function workerCommand(alternative: string, role: "server" | "client", url: string): readonly string[] {
  const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  if (alternative === "oslo") return [PYTHON, file("oslo_worker.py"), role, url.replace("amqp:", "rabbit:")];
  return [process.execPath, file("worker.ts"), alternative, role, url];
}

export async function measure({ client, server, brokerPid }: Contender, load: Load): Promise<Measurement> {
  const used = () => [cpuMs(client.pid), cpuMs(server.pid), cpuMs(brokerPid())] as const;
  const before = used();
  const sample = (await client.ask(load)) as Sample;
  const after = used();
  return {
    ...sample,
    callsPerS: (sample.calls / sample.tookMs) * 1000,
    clientCpuMsPerCall: (after[0] - before[0]) / sample.calls,
    serverCpuMsPerCall: (after[1] - before[1]) / sample.calls,
    brokerCpuMsPerCall: (after[2] - before[2]) / sample.calls,
    clientRssMiB: rssMiB(client.pid),
    serverRssMiB: rssMiB(server.pid),
  };
}
