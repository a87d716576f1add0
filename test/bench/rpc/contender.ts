import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuMs, rssMiB } from "../process-usage.ts";
import type { Load, Sample } from "./load.ts";

/** One alternative: a client and a server process, and the broker between them. */
export interface Contender {
  readonly key: string;
  readonly label: string;
  readonly client: Worker;
  readonly server: Worker;
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

/** A worker process that is ready, and reads and answers by lines of JSON. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  private constructor(command: readonly string[]) {
    const [file = "", ...args] = command;
    this.#name = command.slice(1, -1).join(" ");
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error(`${this.#name} has no standard output`);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when it says that it is ready. */
  static async start(command: readonly string[]): Promise<Worker> {
    const worker = new Worker(command);
    await worker.#read();
    return worker;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async measure(load: Load): Promise<Sample> {
    this.#child.stdin?.write(`${JSON.stringify(load)}\n`);
    return JSON.parse(await this.#read());
  }

  /** Closes its standard input, with which it ends, and waits for that. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin?.end();
    await ended;
  }

  async #read(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#name} ended before it answered`);
    return value;
  }
}

export async function measure({ client, server, brokerPid }: Contender, load: Load): Promise<Measurement> {
  const used = () => [cpuMs(client.pid), cpuMs(server.pid), cpuMs(brokerPid())] as const;
  const before = used();
  const sample = await client.measure(load);
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
