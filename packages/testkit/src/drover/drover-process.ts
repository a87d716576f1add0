import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { LabHost } from "../lab/lab-host.ts";
import { freePort } from "../process/free-port.ts";
import type { OwnedFolder } from "../process/owned-folder.ts";
import { endProcess, identifyProcess, type ProcessIdentity, signalProcess } from "../process/process-identity.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";

/** Drover's services that run as processes of their own: the names of their packages. */
export type DroverServiceName = "api" | "conductor" | "scheduler" | "compute-agent";

/** As the operator guide has it: there is one agent per host, and a small young generation keeps each small. */
const NODE_OPTIONS: Partial<Record<DroverServiceName, readonly string[]>> = {
  "compute-agent": ["--max-semi-space-size=1", "--optimize-for-size"],
};

/** What a process of Drover is started with. */
export interface DroverProcessOptions {
  readonly service: DroverServiceName;
  /** What it is called in logs and messages. @default the service's name */
  readonly label?: string;
  /** Its log and data are here. */
  readonly folder: OwnedFolder;
  /** Its configuration: `DROVER_*` variables. Health gets a free port if none is given. */
  readonly env: Readonly<Record<string, string>>;
  /** The lab host it runs on; without one it runs in the root namespaces. */
  readonly host?: LabHost;
  /** Whether a process on a host uses the host's network or the root namespace's. @default "host" */
  readonly network?: "host" | "root";
}

/** A service of Drover in a process of its own, as it is deployed: `node packages/<service>/dist/main.js`. */
export interface DroverProcess {
  readonly label: string;
  readonly service: DroverServiceName;
  readonly hostName: string | undefined;
  /** `http://127.0.0.1:<port>`, on the loopback of the network that the process uses. */
  readonly healthUrl: string;
  readonly logFile: string;
  /** The process, or `undefined` while it is down. */
  readonly identity: ProcessIdentity | undefined;
  /** Starts it if it is down. It need not be ready then: see `waitUntilReady`. */
  start(): void;
  /** Asks it to end (SIGTERM) and waits until it has. */
  stop(): Promise<void>;
  /** Kills it (SIGKILL), as a crash would. */
  kill9(): Promise<void>;
  /** Stops it from running without ending it (SIGSTOP), and undoes that (SIGCONT). */
  freeze(): void;
  thaw(): void;
  /** Status and body of `/readyz`. */
  readiness(): Promise<{ readonly status: number; readonly body: string }>;
  /**
   * Resolves when `/readyz` answers 200.
   *
   * @throws {TestkitError} with the end of its log, if it ends or is not ready in time.
   */
  waitUntilReady(options?: { readonly deadlineMs?: number }): Promise<void>;
  /** What it wrote so far. */
  log(): string;
}

const SERVICES: readonly DroverServiceName[] = ["api", "conductor", "scheduler", "compute-agent"];

const REPOSITORY = fileURLToPath(new URL("../../../../", import.meta.url));

/** The services whose entry was not built. */
export function unbuiltServices(): DroverServiceName[] {
  return SERVICES.filter((service) => droverEntry(service) === undefined);
}

function droverEntry(service: DroverServiceName): string | undefined {
  const entry = join(REPOSITORY, "packages", service, "dist/main.js");
  return existsSync(entry) ? entry : undefined;
}

/** Asks a process whose loopback is another network namespace's; a Node of its own for each question would keep it from starting. */
async function readinessOn(host: LabHost, port: string): Promise<{ status: number; body: string }> {
  const request = `GET /readyz HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const { stdout } = await host.exec("busybox", ["nc", "127.0.0.1", port], { input: request, deadlineMs: 5_000 });
  const [, status] = /^HTTP\/1\.\d (\d{3}) /.exec(stdout) ?? [];
  if (status === undefined) throw new TestkitError(`it answered ${JSON.stringify(stdout.slice(0, 100))}`);
  return { status: Number(status), body: stdout.slice(stdout.indexOf("\r\n\r\n") + 4) };
}

/**
 * Starts a service of Drover.
 *
 * @throws {TestkitError} if it was not built.
 */
export async function startDroverProcess(options: DroverProcessOptions): Promise<DroverProcess> {
  const { service, label = service, folder, host, network = "host" } = options;
  const entry = droverEntry(service);
  if (entry === undefined) throw new TestkitError(`packages/${service}/dist/main.js is missing; run npm run build`);
  const healthPort = options.env.DROVER_HEALTH_PORT ?? String(await freePort());
  const healthUrl = `http://127.0.0.1:${healthPort}`;
  const logFile = join(folder.path, `${label}.log`);
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    LANG: "C.UTF-8",
    ...options.env,
    DROVER_HEALTH_PORT: healthPort,
  };
  let running: { child: ChildProcess; identity: ProcessIdentity } | undefined;
  const log = () => (existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
  const identity = () => (running === undefined ? undefined : identifyProcess(running.identity.pid));
  const end = async (signal: NodeJS.Signals) => {
    if (running === undefined) return;
    signalProcess(running.identity, "SIGCONT");
    await endProcess(running.identity, { signal, graceMs: 20_000 });
    folder.removeProcess(running.identity);
    running = undefined;
  };
  const readiness = async () => {
    if (host === undefined || network === "root") {
      const response = await fetch(`${healthUrl}/readyz`);
      return { status: response.status, body: await response.text() };
    }
    return await readinessOn(host, healthPort);
  };
  const start = () => {
    if (identity() !== undefined) return;
    const output = openSync(logFile, "a", 0o600);
    const command = [...(NODE_OPTIONS[service] ?? []), entry];
    const settings = { cwd: folder.path, env, detached: true, stdio: ["ignore" as const, output, output] };
    const child =
      host === undefined
        ? spawn(process.execPath, command, settings)
        : host.spawn(process.execPath, command, { ...settings, network });
    child.on("error", () => undefined);
    child.unref();
    const started = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (started === undefined) throw new TestkitError(`could not run ${entry}`);
    running = { child, identity: started };
    folder.addProcess(started);
  };
  start();
  return {
    label,
    service,
    hostName: host?.name,
    healthUrl,
    logFile,
    get identity() {
      return identity();
    },
    start,
    stop: () => end("SIGTERM"),
    kill9: () => end("SIGKILL"),
    freeze: () => running && signalProcess(running.identity, "SIGSTOP"),
    thaw: () => running && signalProcess(running.identity, "SIGCONT"),
    readiness,
    waitUntilReady: async ({ deadlineMs = 30_000 } = {}) => {
      const ended = new AbortController();
      const child = running?.child;
      const onExit = () => ended.abort(new TestkitError(`${label} ended`));
      child?.once("exit", onExit);
      try {
        await waitFor(`${label} to be ready`, async () => (await readiness()).status === 200, {
          deadlineMs,
          intervalMs: 100,
          signal: ended.signal,
        });
      } catch (cause) {
        throw new TestkitError(`${label} is not ready; its log ends with:\n${log().trim().slice(-3_000)}`, { cause });
      } finally {
        child?.off("exit", onExit);
      }
    },
    log,
  };
}
