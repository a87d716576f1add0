import { readFileSync } from "node:fs";
import { waitFor } from "../wait-for.ts";

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)). */
  readonly startTicks: string;
}

interface ProcessStat {
  readonly state: string;
  readonly startTicks: string;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and parentheses, so fields are counted from the last ")".
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "?", startTicks: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** The identity of a running process, or `undefined` if there is none (a zombie counts as none). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat === undefined || stat.state === "Z" ? undefined : { pid, startTicks: stat.startTicks };
}

/** True while exactly this process runs. A zombie has ended; a process that was given the same id later is another. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends a signal; a process that has ended meanwhile is left alone. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Asks a process to end and waits for it; after `graceMs` it is killed.
 *
 * @param options.signal What asks. @default "SIGTERM"
 * @param options.graceMs How long the process has to obey, in milliseconds. @default 5000
 * @throws {TestkitError} if it is still there 5 s after SIGKILL.
 */
export async function endProcess(
  identity: ProcessIdentity,
  options: { signal?: NodeJS.Signals; graceMs?: number } = {},
): Promise<void> {
  const { signal = "SIGTERM", graceMs = 5_000 } = options;
  const ended = () => !isRunning(identity);
  signalProcess(identity, signal);
  try {
    await waitFor(`process ${identity.pid} to end`, ended, { deadlineMs: graceMs, intervalMs: 10 });
  } catch {
    signalProcess(identity, "SIGKILL");
    await waitFor(`killed process ${identity.pid} to end`, ended, { deadlineMs: 5_000, intervalMs: 10 });
  }
}
