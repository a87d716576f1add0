import { spawn } from "node:child_process";
import { TestkitError } from "../testkit-error.ts";

/** Settings of {@link runCommand}. */
export interface CommandOptions {
  /** Kill the command (SIGKILL) and reject after this many milliseconds. @default 60000 */
  readonly deadlineMs?: number;
  /** Working directory. */
  readonly cwd?: string;
  /** The command's whole environment. @default this process's */
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the command's standard input, which is closed afterwards. */
  readonly input?: string;
}

/** What a command that ended with exit code 0 wrote. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end and returns what it wrote.
 *
 * @throws {TestkitError} if it cannot be started, ends with another exit code than 0 or by a signal, or passes the
 *   deadline; `details` has `exitCode`, `signal`, `stdout` and `stderr`.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const { deadlineMs = 60_000, cwd, env, input } = options;
  const shown = [command, ...args].join(" ");
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      child.kill("SIGKILL");
    }, deadlineMs);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    // A command that does not read its input closes the pipe; its exit code says whether that was an error.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(new TestkitError(`could not start "${shown}"`, { cause }));
    });
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      if (exitCode === 0) {
        resolve({ stdout, stderr });
        return;
      }
      const how = expired ? `did not end within ${deadlineMs} ms` : `ended with ${signal ?? `exit code ${exitCode}`}`;
      const said = stderr.trim() || stdout.trim();
      reject(
        new TestkitError(`"${shown}" ${how}${said ? `: ${said}` : ""}`, {
          details: { exitCode, signal, stdout, stderr },
        }),
      );
    });
  });
}
