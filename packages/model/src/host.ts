/** What an agent reports of its host when it starts and whenever it changes; the heartbeat carries none of it. */
export interface HostFacts {
  readonly host: string;
  /** libvirt's host uuid: two agents that name different hosts but report one uuid are on one machine. */
  readonly hostUuid: string;
  readonly hypervisorType: string;
  /** libvirt's form: major * 1,000,000 + minor * 1,000 + release. 7.2.0 is 7002000. */
  readonly hypervisorVersion: number;
  readonly libvirtVersion: number;
  readonly cpuArch: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryKiB: number;
  /** Address that other hosts' libvirtd and QEMU reach this host by (`live_migration_inbound_addr`). */
  readonly inboundAddress: string;
  /** URI by which another libvirtd reaches this one for a peer-to-peer migration. */
  readonly libvirtUri: string;
  /** The host's own addresses that others could reach; left out by an agent that does not say. */
  readonly addresses?: readonly string[] | undefined;
  /** TCP ports on which its QEMU takes guests in; left out by an agent that does not say. */
  readonly migrationPorts?: { readonly min: number; readonly max: number } | undefined;
}

/** Somebody works on the host: no guest comes to it until its maintenance ends. */
export interface HostMaintenance {
  readonly reason: string;
  readonly since: Date;
}

/** A compute host as the store knows it. */
export interface Host {
  /** Number, from 1, for Nova's older API versions. */
  readonly id: number;
  readonly uuid: string;
  readonly facts: HostFacts;
  readonly agentVersion: string;
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  /** Apart from `enabled`, so that its end leaves a host as it was before: disabled, if somebody had disabled it. */
  readonly maintenance: HostMaintenance | null;
  /** An operator says that it is off, whatever its agent says: it counts as down until that is taken back (Nova's `forced_down`). */
  readonly forcedDown: boolean;
  /** What an operator allows this host instead of the conductors' defaults; null where those hold. */
  readonly maxOutgoingMigrations: number | null;
  readonly maxIncomingMigrations: number | null;
  readonly registeredAt: Date;
  readonly lastSeenAt: Date;
}

/** An agent reports in this often, ms (Nova's `report_interval`). */
export const REPORT_INTERVAL_MS = 10_000;

/** Without a sign of life for this long a host counts as down, ms (Nova's `service_down_time`). */
export const SERVICE_DOWN_TIME_MS = 60_000;

/** True when the host's agent was heard of within {@link SERVICE_DOWN_TIME_MS}, whatever an operator says of the host. */
export function wasHeardOf(
  { lastSeenAt }: Pick<Host, "lastSeenAt">,
  now: Date,
  downTimeMs = SERVICE_DOWN_TIME_MS,
): boolean {
  return now.getTime() - lastSeenAt.getTime() <= downTimeMs;
}

/** True when the host's agent was heard of within {@link SERVICE_DOWN_TIME_MS}, and nobody has forced it down. */
export function isHostUp(
  host: Pick<Host, "lastSeenAt" | "forcedDown">,
  now: Date,
  downTimeMs = SERVICE_DOWN_TIME_MS,
): boolean {
  return !host.forcedDown && wasHeardOf(host, now, downTimeMs);
}

/** Why a host that is not up counts as down: the end of a sentence. */
export function whyHostIsDown({ forcedDown, lastSeenAt }: Pick<Host, "lastSeenAt" | "forcedDown">): string {
  return forcedDown ? "it was forced down" : `its agent was last heard of at ${lastSeenAt.toISOString()}`;
}
