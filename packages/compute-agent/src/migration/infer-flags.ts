import type { ChosenFlag, DestinationPreparation, MigrationPolicy } from "@drover/model";
import { inboundParameters } from "../network/inbound-parameters.ts";
import { diskFlags } from "../storage/disk-flags.ts";
import { flag, parameter } from "./chosen-flag.ts";
import { convergenceFlags } from "./convergence-flags.ts";
import type { HostVersions } from "./known-limits.ts";

/** What the choice depends on: the guest as it is now, the policy, and what the destination said. */
export interface FlagFacts {
  /** libvirt keeps a definition of the guest on disk. */
  readonly persistent: boolean;
  /** Its processors stand still (`virsh suspend`). */
  readonly paused: boolean;
  readonly policy: MigrationPolicy;
  readonly destination: DestinationPreparation;
  /** Source and destination; null where it is not known. @default both unknown */
  readonly versions?: readonly [HostVersions | null, HostVersions | null];
}

/**
 * The flags and parameters of `domainMigratePerform3Params`, each with its reason: they follow from the guest, the
 * policy and the destination, and cannot be configured. A flag has no value, a parameter has one; a
 * flag that the policy asks for and that is left out has the value false.
 *
 * `destination_xml` and `persistent_xml` are left out while nothing in the definition changes on the way; when one is
 * given the other must be too, and the same, or the stored definition keeps the source's addresses (CVE-2020-17376).
 * UNSAFE is never chosen.
 */
export function inferFlags(facts: FlagFacts): readonly ChosenFlag[] {
  return [
    ...howItMoves(facts),
    ...whatStaysDefined(facts),
    ...diskFlags(facts.destination.disks ?? []),
    ...convergenceFlags(facts),
    ...whereItGoes(facts),
  ];
}

function howItMoves({ paused }: FlagFacts): readonly ChosenFlag[] {
  const live = paused
    ? "the guest is active; it stands still and arrives that way"
    : "the guest runs while its memory is copied";
  return [
    flag("VIR_MIGRATE_LIVE", live),
    flag("VIR_MIGRATE_PEER2PEER", "the hosts' libvirtd talk to each other, so the copy outlives this agent"),
  ];
}

function whatStaysDefined({ persistent }: FlagFacts): readonly ChosenFlag[] {
  if (!persistent) return [];
  return [
    flag("VIR_MIGRATE_PERSIST_DEST", "the guest has a stored definition here, so it gets one there"),
    flag("VIR_MIGRATE_UNDEFINE_SOURCE", "one definition of a guest, on the host where it runs"),
  ];
}

function whereItGoes({ destination, policy }: FlagFacts): readonly ChosenFlag[] {
  const chosen: ChosenFlag[] = [...inboundParameters(destination)];
  if (policy.bandwidthMiBps > 0) {
    chosen.push(parameter("bandwidth", policy.bandwidthMiBps, "the policy's upper bound for the copy, MiB/s"));
  }
  return chosen;
}
