import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs turbo in the repository; the tasks' own output is shown where `options` say so. Returns its exit code. */
export function turbo(args: readonly string[], env: Readonly<Record<string, string>> = {}): number {
  const done = spawnSync("turbo", ["run", ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", ...env },
  });
  return done.status ?? 1;
}

/** Builds what has changed, with the compiler's errors shown; ends the process when it cannot be built. */
export function build(what: string): void {
  process.stderr.write(`${what} ...\n`);
  const code = turbo(["build", "--output-logs=errors-only", "--log-prefix=none", "--ui=stream"]);
  if (code !== 0) process.exit(code);
}
