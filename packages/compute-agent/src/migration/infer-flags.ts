import type { ChosenFlag } from "@drover/model";
import { inboundParameters } from "../network/inbound-parameters.ts";
import { diskFlags } from "../storage/disk-flags.ts";
import { type TlsFacts, tlsFlags } from "../tls/tls-flags.ts";
import { flag, parameter } from "./chosen-flag.ts";
import { type ConvergenceFacts, convergenceFlags } from "./convergence-flags.ts";

/** What the choice depends on: the guest as it is now, the policy, both hosts, and what the destination said. */
export interface FlagFacts
  extends Omit<ConvergenceFacts, "encrypted" | "postCopyObstacle">,
    Omit<TlsFacts, "sourceVersions"> {
  /** libvirt keeps a definition of the guest on disk. */
  readonly persistent: boolean;
}

/**
 * The flags and parameters of `domainMigratePerform3Params`, each with its reason: they follow from the guest, the
 * policy and the two hosts, and cannot be configured. A flag has no value, a parameter has one; a
 * flag that would be used and that the hosts or the guest do not allow has the value false.
 *
 * `destination_xml` and `persistent_xml` are of `destinationDefinition`, since they need the guest's whole definition. PAUSED
 * is never chosen: libvirt adds it by itself for a guest that stands still. UNSAFE is never chosen.
 *
 * @throws {DroverError} `refused` where an operator requires TLS and it cannot be used.
 */
export function inferFlags(facts: FlagFacts): readonly ChosenFlag[] {
  const tls = tlsFlags({ ...facts, sourceVersions: facts.versions[0] });
  return [
    ...howItMoves(facts),
    ...whatStaysDefined(facts),
    ...diskFlags(facts.destination.disks ?? []),
    ...tls.flags,
    ...convergenceFlags({
      ...facts,
      encrypted: tls.inTheClear === null,
      postCopyObstacle: facts.destination.postCopyObstacle ?? null,
    }),
    ...whereItGoes(facts, tls.inTheClear),
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

function whereItGoes({ destination, policy }: FlagFacts, inTheClear: string | null): readonly ChosenFlag[] {
  const chosen: ChosenFlag[] = [...inboundParameters(destination, inTheClear)];
  if (policy.bandwidthMiBps > 0) {
    chosen.push(parameter("bandwidth", policy.bandwidthMiBps, "the policy's upper bound for the copy, MiB/s"));
  }
  return chosen;
}
