import type { LabHost } from "../lab/lab-host.ts";
import { endProcess, identifyProcess, type ProcessIdentity, signalProcess } from "../process/process-identity.ts";
import { TestkitError } from "../testkit-error.ts";
import { type Fault, fault } from "./fault.ts";

/**
 * Kills a guest's QEMU on a host (SIGKILL), as the kernel does when memory runs out; resolves when it has ended.
 *
 * @throws {TestkitError} if no such QEMU runs there.
 */
export async function killGuest(host: LabHost, name: string): Promise<void> {
  await endProcess(qemuOf(host, name), { signal: "SIGKILL" });
}

/**
 * Stops a guest's QEMU on a host from running (SIGSTOP): its monitor stays open and does not answer.
 *
 * @throws {TestkitError} if no such QEMU runs there.
 */
export function freezeGuest(host: LabHost, name: string): Fault {
  const qemu = qemuOf(host, name);
  signalProcess(qemu, "SIGSTOP");
  return fault(`QEMU of ${name} on ${host.name} frozen`, () => signalProcess(qemu, "SIGCONT"));
}

function qemuOf(host: LabHost, name: string): ProcessIdentity {
  const pid = host.qemuPids().get(name);
  const identity = pid === undefined ? undefined : identifyProcess(pid);
  if (identity === undefined) throw new TestkitError(`${host.name} runs no QEMU of ${name}`);
  return identity;
}
