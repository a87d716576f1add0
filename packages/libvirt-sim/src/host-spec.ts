import { createHash } from "node:crypto";

/** A host of a simulated fleet, as it is asked for. */
export interface HostOptions {
  readonly name: string;
  /** @default 65536 */
  readonly memoryMiB?: number;
  /** @default 16 */
  readonly cpus?: number;
  /** libvirt's name of the CPU model. @default "Skylake-Server-IBRS" */
  readonly cpuModel?: string;
  /** Other names and addresses that a migration URI may call it by. */
  readonly addresses?: readonly string[];
  /** Also listen on this TCP port of 127.0.0.1; 0 takes a free one. Without it there is only the unix socket. */
  readonly tcpPort?: number;
}

/** A host with every choice made. */
export interface HostSpec {
  readonly name: string;
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly cpuModel: string;
  readonly addresses: readonly string[];
  readonly tcpPort: number | null;
}

/** Fills in what was left out. The UUID follows from the name, so that a host stays the same one across restarts. */
export function hostSpec(options: HostOptions): HostSpec {
  return {
    name: options.name,
    uuid: uuidFromName(options.name),
    memoryMiB: options.memoryMiB ?? 65_536,
    cpus: options.cpus ?? 16,
    cpuModel: options.cpuModel ?? "Skylake-Server-IBRS",
    addresses: options.addresses ?? [],
    tcpPort: options.tcpPort ?? null,
  };
}

/** A UUID that is always the same for a name; for hosts, and for guests nobody gave one. */
export function uuidFromName(name: string): string {
  const hex = createHash("sha256").update(`drover libvirt-sim ${name}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
