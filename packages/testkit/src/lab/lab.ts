import { join } from "node:path";
import { createOwnedFolder, leftoversOf, type OwnedFolder } from "../process/owned-folder.ts";
import { TestkitError } from "../testkit-error.ts";
import { saveCapabilities } from "./capability-cache.ts";
import { createLabAuthority } from "./lab-authority.ts";
import { LabHost } from "./lab-host.ts";
import { type LabAddresses, startSwitch } from "./lab-network.ts";

/** What a lab is made of. */
export interface LabOptions {
  /** How many hosts. @default 2 */
  readonly hosts?: number;
  /** Names of the hosts. @default host-1, host-2, … */
  readonly hostNames?: readonly string[];
  /** Every libvirtd's `max_client_requests`. @default libvirt's own, 5 */
  readonly maxClientRequests?: number;
  /** libvirtd listens with TLS alone, with certificates of an authority of the lab's own. @default plain TCP */
  readonly tls?: boolean;
  /** Let the lab outlive this process, until {@link stopGroup} is called with this name. @default none */
  readonly group?: string;
}

/**
 * A few libvirt hosts on one machine, on a management and a migration network.
 *
 * Whatever ends the process that started a lab, Ctrl-C and SIGKILL included, the lab is stopped with it.
 */
export interface Lab extends AsyncDisposable {
  readonly hosts: readonly LabHost[];
  /** The lab's folder: logs, sockets, consoles. Gone after `stop`. */
  readonly folder: string;
  readonly addresses: LabAddresses;
  /** Stops every process of the lab, guests included, and removes its folder and networks. May be called again. */
  stop(): Promise<void>;
  /** A sentence for each thing of the lab that exists. Empty after a `stop` that left nothing behind. */
  leftovers(): string[];
}

/**
 * Starts a lab; resolves when every libvirtd answers. Needs root and the packages of tier `hypervisors`.
 *
 * If it rejects, nothing of the lab is left. Labs whose process died without stopping them are cleaned up first.
 *
 * @throws {TestkitError} with the log of what did not start.
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { hosts: hostCount = 2, group } = options;
  const folder = await createOwnedFolder({ kind: "lab", group });
  try {
    return await startIn(folder, { ...options, hosts: hostCount, detached: group !== undefined });
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function startIn(folder: OwnedFolder, options: LabOptions & { hosts: number; detached: boolean }): Promise<Lab> {
  const { detached, maxClientRequests, hostNames = [], tls = false } = options;
  const authority = tls ? await createLabAuthority(join(folder.path, "authority")) : undefined;
  const labSwitch = await startSwitch({
    marked: folder.path,
    detached,
    onUplink: async (link) => folder.addLink(link),
  });
  folder.addProcess(labSwitch.holder);
  const { addresses } = labSwitch;
  const names = Array.from({ length: options.hosts }, (_, index) => hostNames[index] ?? `host-${index + 1}`);
  const hostsFile = hostsFileFor(addresses, names);
  const started = await Promise.allSettled(
    names.map((name, index) =>
      LabHost.start({ index, name, folder, labSwitch, hostsFile, detached, maxClientRequests, authority }),
    ),
  );
  const failures = started.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  if (failures.length > 0) {
    throw new TestkitError("could not start the lab", {
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }
  const hosts = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const [first] = hosts;
  if (first !== undefined) await saveCapabilities(first.folders.cache);
  const stop = () => folder.remove();
  return {
    hosts,
    folder: folder.path,
    addresses,
    stop,
    leftovers: () => leftoversOf(folder.path),
    [Symbol.asyncDispose]: stop,
  };
}

function hostsFileFor(addresses: LabAddresses, names: readonly string[]): string {
  const lines = names.flatMap((name, index) => [
    `${addresses.hostAddress("management", index)} ${name}`,
    `${addresses.hostAddress("migration", index)} ${name}-migration`,
    `${addresses.migrationAddress6(index)} ${name}-migration6`,
  ]);
  return ["127.0.0.1 localhost", "::1 localhost", `${addresses.rootAddress} lab-root`, ...lines, ""].join("\n");
}
