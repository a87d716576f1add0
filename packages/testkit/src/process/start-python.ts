import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { TestkitError } from "../testkit-error.ts";
import { createOwnedFolder } from "./owned-folder.ts";
import { endProcess, identifyProcess, signalProcess } from "./process-identity.ts";
import { killTree } from "./process-tree.ts";
import { runCommand } from "./run-command.ts";

/** What a Python program is started with. */
export interface PythonOptions {
  /** The program's file. */
  readonly script: string;
  /** @default none */
  readonly args?: readonly string[];
  /** Variables beside `PATH` and `LANG`. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** What it imports; looked for before it is started. @default ["oslo_messaging"] */
  readonly modules?: readonly string[];
}

/** A running Python program, which is spoken to by lines. When this process ends, however it does, it goes too. */
export interface PythonProgram extends AsyncDisposable {
  readonly pid: number;
  /** How it ended: an exit code or a signal. `undefined` while it runs. */
  readonly ended: number | NodeJS.Signals | undefined;
  /**
   * The next line of its output, without its end. Lines are kept until they are asked for, and given out in order.
   *
   * @param options.deadlineMs @default 10000
   * @throws {TestkitError} with the end of its log, if it ended or says nothing in time.
   */
  nextLine(options?: { readonly deadlineMs?: number }): Promise<string>;
  /** Writes a line to its input. */
  writeLine(line: string): void;
  /** Asks it to end (SIGTERM), and kills it if it has not after 5 s. */
  stop(): Promise<void>;
  /** Kills it (SIGKILL), as a crash would. */
  kill9(): Promise<void>;
  /** Stops it from running without ending it (SIGSTOP). */
  freeze(): void;
  /** Undoes `freeze`. */
  thaw(): void;
  /** What it wrote to standard error so far. */
  log(): string;
  /** Kills it and what it started. May be called again. */
  remove(): Promise<void>;
}

/** Debian's: another in the path would not see the modules that Debian installed. */
const PYTHON = "/usr/bin/python3";

/** Prints those of its arguments that are not modules it could import. */
const MISSING_MODULES = "import sys, importlib.util as u; print(*[m for m in sys.argv[1:] if not u.find_spec(m)])";

/**
 * Starts a program with Debian's Python, with unbuffered output.
 *
 * @throws {TestkitError} if Python or one of the modules is not installed, naming what is missing.
 */
export async function startPython(options: PythonOptions): Promise<PythonProgram> {
  const { script, args = [], env: variables = {}, modules = ["oslo_messaging"] } = options;
  const env = { PATH: process.env.PATH, LANG: "C.UTF-8", ...variables };
  const { stdout: missing } = await runCommand(PYTHON, ["-c", MISSING_MODULES, ...modules], { env }).catch((cause) => {
    throw new TestkitError(`could not run ${PYTHON}; is the package python3 installed?`, { cause });
  });
  if (missing.trim() !== "") {
    throw new TestkitError(
      `${PYTHON} has no module ${missing.trim()}; is the package python3-oslo.messaging installed?`,
    );
  }
  const folder = await createOwnedFolder({ kind: "python" });
  const child = spawn(PYTHON, ["-u", script, ...args], { cwd: folder.path, env, detached: true });
  child.on("error", () => undefined);
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (identity === undefined) {
    await folder.remove();
    throw new TestkitError(`could not run ${PYTHON} ${script}`);
  }
  folder.addProcess(identity);

  let log = "";
  let ended: number | NodeJS.Signals | undefined;
  let isReadToEnd = false;
  const lines: string[] = [];
  const waiting = new Set<{ resolve(line: string): void; fail(why: string): void }>();
  const sayEnd = () => `ended with ${typeof ended === "number" ? `exit code ${ended}` : ended}`;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  // A program that has ended reads nothing; `nextLine` says so.
  child.stdin.on("error", () => undefined);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [first] = waiting;
    if (first === undefined) lines.push(line);
    else first.resolve(line);
  });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (exitCode, signal) => {
      ended = signal ?? exitCode ?? undefined;
      resolve();
    });
  });
  // Its last lines may be in the pipe for longer than it lives.
  child.once("close", () => {
    isReadToEnd = true;
    for (const waiter of waiting) waiter.fail(sayEnd());
  });
  const remove = () => folder.remove();
  return {
    pid: identity.pid,
    get ended() {
      return ended;
    },
    nextLine: ({ deadlineMs = 10_000 } = {}) =>
      new Promise((resolve, reject) => {
        const fail = (why: string) => {
          settle();
          reject(new TestkitError(`${script} ${why}: ${log.trim().split("\n").slice(-15).join("\n")}`));
        };
        const waiter = {
          resolve: (line: string) => {
            settle();
            resolve(line);
          },
          fail,
        };
        const timer = setTimeout(() => fail(`said nothing for ${deadlineMs} ms`), deadlineMs);
        const settle = () => {
          clearTimeout(timer);
          waiting.delete(waiter);
        };
        const line = lines.shift();
        if (line !== undefined) waiter.resolve(line);
        else if (isReadToEnd) fail(sayEnd());
        else waiting.add(waiter);
      }),
    writeLine: (line) => child.stdin.write(`${line}\n`),
    stop: async () => {
      // A frozen program cannot obey.
      signalProcess(identity, "SIGCONT");
      await endProcess(identity);
      await exited;
    },
    kill9: async () => {
      await killTree(identity);
      await exited;
    },
    freeze: () => signalProcess(identity, "SIGSTOP"),
    thaw: () => signalProcess(identity, "SIGCONT"),
    log: () => log,
    remove,
    [Symbol.asyncDispose]: remove,
  };
}
