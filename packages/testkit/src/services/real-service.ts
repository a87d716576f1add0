import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { OwnedFolder } from "../process/owned-folder.ts";
import { endProcess, identifyProcess, type ProcessIdentity } from "../process/process-identity.ts";
import { killTree, signalTree } from "../process/process-tree.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";

/** How a real server may be started. */
export interface ServiceOptions {
  /** The address it listens at; a lab's `rootAddress` makes it reachable from the lab's hosts. @default 127.0.0.1 */
  readonly listenAddress?: string;
  /** Let it outlive this process, until {@link stopGroup} is called with this name. @default none */
  readonly group?: string;
}

/**
 * A real server on a port and in a folder of its own. Port, password and data stay the same through `stop`, `kill9`,
 * `start` and `restart`. When this process ends, however it does, the server and its folder go too.
 */
export interface RealService extends AsyncDisposable {
  /** Where clients connect, with user and password. */
  readonly url: string;
  readonly address: string;
  readonly port: number;
  readonly folder: string;
  /** The server's process id, or `undefined` while it is down. */
  readonly pid: number | undefined;
  /**
   * Starts it if it is down; resolves when it answers its own protocol.
   *
   * @param options.deadlineMs More for one that has much to recover. @default 90000
   */
  start(options?: { readonly deadlineMs?: number }): Promise<void>;
  /**
   * Asks it to end in good order and waits until it has. Data stays.
   *
   * @param options.graceMs Afterwards it is killed. @default 20000
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
  /** Kills it and its children (SIGKILL), as a crash would. Data stays. */
  kill9(): Promise<void>;
  /** `stop` and `start`. */
  restart(): Promise<void>;
  /** Stops it from running without ending it (SIGSTOP): connections stay open and nobody answers. */
  freeze(): void;
  /** Undoes `freeze`. */
  thaw(): void;
  /** What the server wrote to its output so far. */
  log(): string;
  /** Kills it and removes its folder. May be called again. */
  remove(): Promise<void>;
}

/** What makes one kind of server: how to start it and how to know that it is there. */
export interface ServiceDefinition {
  readonly name: string;
  readonly url: string;
  readonly address: string;
  readonly port: number;
  readonly folder: OwnedFolder;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stopSignal: NodeJS.Signals;
  /** Resolves if the server answers a client, rejects otherwise. */
  readonly probe: () => Promise<unknown>;
}

/** The longest a server may take to answer. RabbitMQ needs 5 s on an idle machine with two processors. */
const START_DEADLINE_MS = 90_000;
/** The longest it may take to end in good order. */
const STOP_GRACE_MS = 20_000;

/**
 * Starts a server; resolves when it answers. If it rejects, its folder and processes are gone.
 *
 * @throws {TestkitError} with the end of the server's log.
 */
export async function startService(definition: ServiceDefinition): Promise<RealService> {
  const { name, folder, url, address, port, probe } = definition;
  const logFile = join(folder.path, "server.log");
  let running: { child: ChildProcess; identity: ProcessIdentity } | undefined;

  const log = () => (existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
  const forget = () => {
    if (running !== undefined) folder.removeProcess(running.identity);
    running = undefined;
  };
  const pid = () => (running === undefined ? undefined : identifyProcess(running.identity.pid)?.pid);

  const start: RealService["start"] = async ({ deadlineMs = START_DEADLINE_MS } = {}) => {
    if (pid() !== undefined) return;
    forget();
    running = launch(definition, logFile);
    const { child, identity } = running;
    folder.addProcess(identity);
    const ended = new AbortController();
    const onExit = (code: number | null, signal: NodeJS.Signals | null) =>
      ended.abort(new TestkitError(`${name} ended with ${signal ?? `exit code ${code}`}: ${tail(log())}`));
    child.once("exit", onExit);
    await waitFor(`${name} to answer at ${address}:${port}`, () => probe().then(() => true), {
      deadlineMs,
      signal: ended.signal,
    });
    child.off("exit", onExit);
  };
  const stop: RealService["stop"] = async ({ graceMs = STOP_GRACE_MS } = {}) => {
    // A frozen server cannot obey.
    if (running !== undefined) {
      signalTree(running.identity, "SIGCONT");
      await endProcess(running.identity, { signal: definition.stopSignal, graceMs });
      await untilReaped(running.child);
    }
    forget();
  };
  const remove = () => folder.remove();

  try {
    await start();
  } catch (cause) {
    await remove();
    throw new TestkitError(`could not start ${name}`, { cause });
  }
  return {
    url,
    address,
    port,
    folder: folder.path,
    get pid() {
      return pid();
    },
    start,
    stop,
    kill9: async () => {
      if (running !== undefined) {
        await killTree(running.identity);
        await untilReaped(running.child);
      }
      forget();
    },
    restart: async () => {
      await stop();
      await start();
    },
    freeze: () => running && signalTree(running.identity, "SIGSTOP"),
    thaw: () => running && signalTree(running.identity, "SIGCONT"),
    log,
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

/** Until then its process id is taken: PostgreSQL will not start while the one in its lock file seems to be there. */
async function untilReaped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await once(child, "exit");
}

function launch(definition: ServiceDefinition, logFile: string): { child: ChildProcess; identity: ProcessIdentity } {
  const log = openSync(logFile, "a", 0o600);
  // In a session of its own: Ctrl-C in the terminal is for the tests, which then end, which ends the server.
  const child = spawn(definition.command, definition.args, {
    cwd: definition.folder.path,
    env: definition.env,
    detached: true,
    stdio: ["ignore", log, log],
  });
  child.on("error", () => undefined);
  child.unref();
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (identity === undefined) throw new TestkitError(`could not run ${definition.command}`);
  return { child, identity };
}

function tail(text: string): string {
  return text.trim().split("\n").slice(-15).join("\n");
}
