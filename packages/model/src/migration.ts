import type { DiskToMove, PreparedDisk, StorageProof } from "./disk.ts";
import type { PolicyOrigins } from "./effective-policy.ts";
import type { SerializedError } from "./error.ts";
import type { ForceCompleteMethod } from "./expected-standstill.ts";
import type { GuestStanding } from "./guest.ts";
import type { MigrationEvent, MigrationState } from "./migration-state.ts";
import type { MigrationPolicy } from "./policy.ts";
import type { MigrationProgress } from "./progress.ts";

/** Where a guest is after its migration ended, as the source's agent reports it. */
export type MigrationOutcome = "arrived" | "stayed" | "unknown";

/** A libvirt flag or parameter that was used, and why: flags are inferred, never configured. */
export interface ChosenFlag {
  /** libvirt's name, e.g. `VIR_MIGRATE_LIVE` or `migrate_uri`. */
  readonly name: string;
  /** The parameter's value; absent for a flag, false for one that would be used and that is left out. */
  readonly value?: string | number | boolean;
  readonly reason: string;
}

/** What the record keeps of the work done so far, so that another conductor can go on from it. */
export interface MigrationStepOutputs {
  /** The guest's disks as its source told them when the destination was chosen. */
  readonly disks?: readonly DiskToMove[];
  /** By which the destination sees whether it has the same storage as the source. */
  readonly proofs?: readonly StorageProof[];
  /** Where the destination takes the copy in: from `pre_live_migration`. */
  readonly destination?: DestinationPreparation;
  /** The destination's libvirt says that a migration set the guest running there: all of its disks have come. */
  readonly runsByMigration?: boolean;
  /** The start command as it was first sent; it is sent again unchanged. */
  readonly move?: { readonly generation: number; readonly notAfterMs: number };
}

/** New limits for a copy under way, as they were asked for. */
export interface MigrationTuning {
  /** Counts the requests of one migration: an answer names the one that it is about. */
  readonly number: number;
  /** Null leaves it as it is. */
  readonly bandwidthMiBps: number | null;
  /** Null leaves it as it is. */
  readonly downtimeMs: number | null;
  /** ISO 8601, UTC. */
  readonly requestedAt: string;
  readonly requestedBy: string;
  /** What the agent answered; null before. */
  readonly answer: string | null;
}

/** The last try to resume a post-copy whose link broke. */
export interface PostCopyResume {
  /** Counts the tries of one migration: an answer names the one that it is about. */
  readonly number: number;
  /** Of these, how many were the policy's since a person last asked. */
  readonly byPolicy: number;
  /** ISO 8601, UTC. */
  readonly requestedAt: string;
  readonly requestedBy: string;
  /** What the agent answered; null before. */
  readonly answer: string | null;
}

/** What one host said of a guest when both were asked. */
export interface HostWord {
  readonly host: string;
  /** `silent`: nobody answered for it. */
  readonly standing: GuestStanding | "silent";
  readonly job: "none" | "outgoing" | "incoming" | "other";
}

/** Why a record that was in doubt says what it says: both hosts' own words, and what they prove. */
export interface MigrationProof {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The arrow of the state table that the words stand for. */
  readonly finding: MigrationEvent;
  readonly message: string;
  readonly source: HostWord;
  /** Null when no destination was ever chosen. */
  readonly destination: HostWord | null;
}

/** What a prepared destination tells the source. */
export interface DestinationPreparation {
  /** libvirt connection URI of the destination, as the source's libvirtd dials it. */
  readonly libvirtUri: string;
  /** Name or address that memory and disks are sent to: the host of `migrate_uri`. */
  readonly inboundAddress: string;
  /** All of the guest's disks; left out by an agent that copies none. */
  readonly disks?: readonly PreparedDisk[];
  /** Address that the destination takes them in on, `listen_address`: what `inboundAddress` is there. @default the same */
  readonly listenAddress?: string | undefined;
  /** Address on which guests' consoles (VNC, SPICE, serial over TCP) listen there. @default it does not say */
  readonly consoleAddress?: string | undefined;
  /** What it calls networks, by the fleet's names of them. @default it does not say */
  readonly networks?: Readonly<Record<string, string>> | undefined;
  /** Why its QEMU cannot take a guest in by post-copy, as the end of a sentence. @default nothing is known against it */
  readonly postCopyObstacle?: string | null | undefined;
  /** Whether its QEMU can take them in encrypted. @default it does not say */
  readonly nativeTls?: DestinationTls | undefined;
}

/** What the host that takes a guest says of QEMU's own TLS. */
export interface DestinationTls {
  /** Its operator wants no migration in the clear (`live_migration_with_native_tls`, `migrate_tls_force`). */
  readonly required: boolean;
  /** The end of a sentence: why it cannot; null when it can. */
  readonly missing: string | null;
  /** What its certificate is to be checked against; null when it has none. */
  readonly verifiedName: "inbound-address" | "host" | null;
}

/** A migration as recorded. Only the conductor writes it, each time by compare-and-set on state and generation. */
export interface Migration {
  /** Number, from 1; what Nova's API shows as `id`. */
  readonly id: number;
  readonly uuid: string;
  readonly serverUuid: string;
  readonly serverName: string;
  readonly state: MigrationState;
  /** Grows by one with every write of the record: the fence of compare-and-set and of commands to agents. */
  readonly generation: number;
  readonly sourceHost: string;
  /** Chosen, or asked for; null while the scheduler has not chosen. */
  readonly destinationHost: string | null;
  /** The destination that the requester named, if any. */
  readonly requestedHost: string | null;
  /** Nova's `block_migration`: copy local disks, copy none, or (null, `auto`) what they need. */
  readonly blockMigration: boolean | null;
  readonly memoryKiB: number;
  readonly policy: MigrationPolicy;
  /** Where each value of the policy came from; empty for records of a release that did not keep it. */
  readonly policyOrigins: PolicyOrigins;
  readonly flags: readonly ChosenFlag[];
  /** Name of the step that is under way or comes next; null when the list is done. */
  readonly step: string | null;
  readonly outputs: MigrationStepOutputs;
  /** Orders what waits: the larger first, then the older. */
  readonly priority: number;
  /** What a queued one gave its slot back for, so that it keeps none from others; null while it waits for a slot. */
  readonly waitsFor: "destination" | null;
  /** The hosts that had no incoming slot for it when it last looked; it keeps its place at them until it has a claim. */
  readonly waitsForHosts: readonly string[];
  /** Why it waits, failed, was cancelled or is in error; null while there is nothing to say. */
  readonly reason: string | null;
  readonly failure: SerializedError | null;
  readonly outcome: MigrationOutcome | null;
  /** What both hosts said when this record was last decided from their words; null when it never was in doubt. */
  readonly proof: MigrationProof | null;
  /** The agent's sequence number of the last report that was taken in; older ones are ignored. */
  readonly agentSequence: number;
  readonly requestedBy: string;
  readonly projectId: string;
  readonly requestId: string;
  /** W3C trace context of the request that it was asked for by; null where nobody traced it. */
  readonly traceparent: string | null;
  /** Null again once the agent refused it, as a force-complete is: then it forbids nothing, and may be asked for anew. */
  readonly abortRequestedAt: Date | null;
  readonly abortRequestedBy: string | null;
  readonly forceCompleteRequestedAt: Date | null;
  readonly forceCompleteRequestedBy: string | null;
  /** How it is to be completed, where the request named it. */
  readonly forceCompleteMethod: ForceCompleteMethod | null;
  /** The newest request for other limits; null before. */
  readonly tuning: MigrationTuning | null;
  /** The newest request to resume a broken post-copy; null before. */
  readonly resume: PostCopyResume | null;
  /** What the agent answered to the last request, e.g. that the abort came too late; null before. */
  readonly requestAnswer: string | null;
  /** The last numbers of the copy, with the outcome. */
  readonly finalProgress: MigrationProgress | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

/** The numbers that a decision was taken on, by name with the unit. */
export type MigrationNumbers = Readonly<Record<string, number>>;

/** By whom something was asked for, in which request. */
export interface LoggedRequest {
  /** `req-…`, as the client was told. */
  readonly requestId: string;
  readonly requestedBy: string;
}

/** One thing that happened to a migration, for people; ordered by `id`. */
export interface MigrationLogEntry {
  readonly id: number;
  readonly migrationUuid: string;
  readonly at: Date;
  readonly event: string;
  readonly state: MigrationState;
  readonly message: string;
  /** Of a decision: what it was taken on; null otherwise. */
  readonly numbers: MigrationNumbers | null;
  /** Of what somebody asked for; null otherwise. */
  readonly request: LoggedRequest | null;
}
