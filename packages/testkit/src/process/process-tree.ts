import { readdirSync, readFileSync } from "node:fs";
import { waitFor } from "../wait-for.ts";
import { identifyProcess, isRunning, type ProcessIdentity, signalProcess } from "./process-identity.ts";

/** A running process and everything it started that still hangs below it, the process itself first. */
export function processTree(root: ProcessIdentity): ProcessIdentity[] {
  if (!isRunning(root)) return [];
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    const parent = parentOf(pid);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const pids: number[] = [];
  const queue = [root.pid];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    pids.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return pids.flatMap((pid) => identifyProcess(pid) ?? []);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Sends a signal to a whole {@link processTree}. */
export function signalTree(root: ProcessIdentity, signal: NodeJS.Signals): void {
  for (const identity of processTree(root)) signalProcess(identity, signal);
}

/**
 * Kills (SIGKILL) a process and everything below it; resolves when all of them have ended.
 *
 * @throws {TestkitError} if one is left after 30 s.
 */
export async function killTree(root: ProcessIdentity): Promise<void> {
  const tree = processTree(root);
  for (const identity of tree) signalProcess(identity, "SIGKILL");
  await waitFor(`process ${root.pid} and its children to end`, () => !tree.some((identity) => isRunning(identity)), {
    deadlineMs: 30_000,
    intervalMs: 10,
  });
}
