/** The process that `npm start` runs, in folders of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DroverClient, openDrover } from "@drover/api-client";
import { waitFor } from "@drover/testkit";

const ENTRY = fileURLToPath(new URL("../../packages/standalone/dist/main.js", import.meta.url));

export interface StandaloneProcess extends AsyncDisposable {
  /** Where the API listens, as the process printed it. */
  readonly url: string;
  readonly client: DroverClient;
  /** The local administrator's, which `client` sends. */
  readonly token: string;
  /** What it printed so far. */
  output(): string;
  /** Sends the signal and resolves with the exit code; null after SIGKILL. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A data folder and a temporary folder that the processes of one test share, one after the other. */
export interface StandaloneFolders extends AsyncDisposable {
  readonly data: string;
  /** Sockets and the like that a stopped process should have taken with it. */
  leftovers(): readonly string[];
  /** Starts a process; resolves when it has printed where it listens. Port 0 takes a free one. */
  start(port?: number): Promise<StandaloneProcess>;
  /** Starts a process that is expected not to come up; resolves with how it ended. */
  startInVain(port: number): Promise<{ readonly exitCode: number | null; readonly output: string }>;
}

/** @param settings `DROVER_*` variables of its processes, beside folders and port. */
export async function standaloneFolders(settings: Readonly<Record<string, string>> = {}): Promise<StandaloneFolders> {
  const root = await mkdtemp(join(tmpdir(), "drover-test-"));
  const [data, temporary] = [join(root, "data"), join(root, "tmp")];
  await mkdir(temporary);
  const running = new Set<ChildProcess>();
  const run = (port: number) => {
    const own = { PATH: process.env.PATH, DROVER_DATA_DIR: data, DROVER_API_PORT: String(port), TMPDIR: temporary };
    const env = { ...settings, ...own };
    const child = spawn(process.execPath, [ENTRY], { env, stdio: ["ignore", "pipe", "pipe"] });
    const text: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => text.push(part));
    running.add(child);
    // `close` comes after the last output, `exit` may not.
    const closed = once(child, "close").then(() => running.delete(child));
    return { child, closed, output: () => text.join("") };
  };
  return {
    data,
    leftovers: () => readdirSync(temporary),
    start: async (port = 0) => {
      const { child, closed, output } = run(port);
      const url = await waitFor(
        "standalone to print its address",
        () => {
          if (child.exitCode !== null) throw new Error(`standalone ended with ${child.exitCode}: ${output()}`);
          return /API\s+(http:\/\/127\.0\.0\.1:\d+)/.exec(output())?.[1];
        },
        { deadlineMs: 60_000, intervalMs: 50 },
      );
      const token = (await readFile(join(data, "local-admin.token"), "utf8")).trim();
      const end = async (signal: NodeJS.Signals) => {
        child.kill(signal);
        await closed;
        return child.exitCode;
      };
      return {
        url,
        client: openDrover({ url, token }),
        token,
        output,
        end,
        [Symbol.asyncDispose]: async () => void (await end("SIGKILL")),
      };
    },
    startInVain: async (port) => {
      const { child, closed, output } = run(port);
      await closed;
      return { exitCode: child.exitCode, output: output() };
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of running) child.kill("SIGKILL");
      await waitFor("every process to be gone", () => running.size === 0);
      await rm(root, { recursive: true });
    },
  };
}
