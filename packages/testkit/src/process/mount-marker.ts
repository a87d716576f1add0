import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { waitFor } from "../wait-for.ts";
import { identifyProcess, signalProcess } from "./process-identity.ts";

/**
 * Ids of the processes whose mount namespace holds a mount of the folder named `marker` (a folder name that is unique
 * on this machine), this process's own namespace excepted.
 *
 * This is how a lab knows its own: everything in a lab host, QEMU's detached processes included, sees the host's folders
 * mounted. Process ids alone would miss those, and namespace numbers are given again once a namespace is gone, so that an
 * old record of them could point at somebody else's processes.
 */
export function processesWithMount(marker: string): number[] {
  const own = mountNamespaceOf("self");
  const marked = new Map<string, boolean>();
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      const namespace = mountNamespaceOf(pid);
      if (namespace === undefined || namespace === own) return false;
      const known = marked.get(namespace) ?? mountInfoOf(pid).includes(`/${marker}`);
      marked.set(namespace, known);
      return known;
    })
    .map(Number);
}

function mountNamespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

function mountInfoOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8");
  } catch {
    return "";
  }
}

/**
 * Kills the processes of {@link processesWithMount}, and what they start meanwhile, until none is left.
 *
 * @throws {TestkitError} if some are left after 30 s.
 */
export async function killProcessesWithMount(marker: string): Promise<void> {
  await waitFor(
    `the processes of ${marker} to end`,
    () => {
      const identities = processesWithMount(marker).flatMap((pid) => identifyProcess(pid) ?? []);
      for (const identity of identities) signalProcess(identity, "SIGKILL");
      return identities.length === 0;
    },
    { deadlineMs: 30_000, intervalMs: 20 },
  );
}
