import type { ChosenFlag, MigrationPolicy } from "@drover/model";
import { flag, leftOut, parameter } from "./chosen-flag.ts";
import { type HostVersions, knownLimit } from "./known-limits.ts";

export interface ConvergenceFacts {
  /** The guest's processors stand still (`virsh suspend`). */
  readonly paused: boolean;
  readonly policy: MigrationPolicy;
  /** Source and destination; null where it is not known. @default both unknown */
  readonly versions?: readonly [HostVersions | null, HostVersions | null];
}

const UNKNOWN = [null, null] as const;

/**
 * What makes a copy end, or end sooner: all of it is fixed with the start call. What the policy asks for and the hosts
 * cannot do is listed too, with the value false and the reason.
 */
export function convergenceFlags(facts: ConvergenceFacts): readonly ChosenFlag[] {
  const { paused, policy } = facts;
  // A paused guest dirties nothing, and libvirt refuses post-copy for it.
  const chosen = paused ? [] : [...postCopy(facts), ...autoConverge(policy)];
  chosen.push(...parallel(facts, chosen));
  if (!paused) chosen.push(...compression(facts, chosen));
  return chosen;
}

function postCopy(facts: ConvergenceFacts): ChosenFlag[] {
  if (!facts.policy.permitPostCopy) return [];
  const reason = "the policy permits post-copy; only a copy started with it can switch";
  return unlessKnownLimit("VIR_MIGRATE_POSTCOPY", facts, [], [flag("VIR_MIGRATE_POSTCOPY", reason)]);
}

/** Beside post-copy too: the switch is a person's or the schedule's, and until then the copy is to converge by itself. */
function autoConverge(policy: MigrationPolicy): ChosenFlag[] {
  if (!policy.permitAutoConverge) return [];
  return [
    flag("VIR_MIGRATE_AUTO_CONVERGE", "the policy permits slowing the guest's processors so that it converges"),
    parameter("auto_converge.initial", policy.autoConvergeInitialPercent, "the policy's first slow-down, per cent"),
    parameter(
      "auto_converge.increment",
      policy.autoConvergeIncrementPercent,
      "the policy's further slow-downs, points",
    ),
  ];
}

function parallel(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  const connections = facts.policy.parallelConnections;
  if (connections <= 1) return [];
  return unlessKnownLimit("VIR_MIGRATE_PARALLEL", facts, chosen, [
    flag("VIR_MIGRATE_PARALLEL", "the policy asks for several sockets: one is held to one processor's speed"),
    parameter("parallel.connections", connections, "the policy's number of sockets"),
  ]);
}

function compression(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  const method = facts.policy.compression;
  if (method === "none") return [];
  return unlessKnownLimit("VIR_MIGRATE_COMPRESSED", facts, chosen, [
    flag("VIR_MIGRATE_COMPRESSED", "the policy asks for it: pages that are sent again go as what changed of them"),
    parameter("compression", method, "the method that gains where a guest writes a little of many pages"),
  ]);
}

function unlessKnownLimit(
  name: string,
  { versions = UNKNOWN }: ConvergenceFacts,
  beside: readonly ChosenFlag[],
  wanted: ChosenFlag[],
): ChosenFlag[] {
  const names = beside.filter(({ value }) => value === undefined).map((chosen) => chosen.name);
  const limit = knownLimit(name, names, versions);
  return limit === undefined ? wanted : [leftOut(name, `not used: ${limit}`)];
}
