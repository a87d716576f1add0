import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs turbo in the repository; the tasks' own output is shown where `options` say so. Resolves to its exit code, 1 when a
 * signal ended it.
 */
export async function turbo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> {
  const running = spawn("turbo", ["run", ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", ...env },
  });
  const [code] = await once(running, "exit");
  return code ?? 1;
}

/** Builds what has changed, with the compiler's errors shown; ends the process when it cannot be built. */
export async function build(what: string): Promise<void> {
  process.stderr.write(`${what} ...\n`);
  const code = await turbo(["build", "--output-logs=errors-only", "--log-prefix=none", "--ui=stream"]);
  if (code !== 0) process.exit(code);
}
