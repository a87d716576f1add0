import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function addUpCommand(program: Command, host: CommandHost): void {
  program
    .command("up")
    .description(
      "run all of Drover in the foreground, with simulated hosts (set up by DROVER_API_PORT, DROVER_DATA_DIR, …)",
    )
    .action(async () => {
      host.setExitCode(await runInForeground(standaloneMain()));
    });
}

/** The process entry of `@drover/standalone`. */
function standaloneMain(): string {
  const main = resolveMain();
  if (!existsSync(main)) {
    throw new CliError(
      EXIT.error,
      "the standalone service is not built yet; run `npm run build` in the repository first",
    );
  }
  return main;
}

function resolveMain(): string {
  try {
    return fileURLToPath(import.meta.resolve("@drover/standalone/main"));
  } catch (cause) {
    throw new CliError(EXIT.error, "@drover/standalone is not installed; run `npm ci` in the repository first", {
      cause,
    });
  }
}

/**
 * Runs a script on this Node until it ends, its input and output being ours; resolves with its exit code.
 *
 * It gets a process group of its own: Ctrl-C reaches only us and is passed on once, instead of reaching the script
 * twice (a second one means "at once").
 */
export async function runInForeground(script: string): Promise<number> {
  const child = spawn(process.execPath, [script], { stdio: "inherit", detached: true });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}
