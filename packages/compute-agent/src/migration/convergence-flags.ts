import type { ChosenFlag, MigrationPolicy } from "@drover/model";
import type { GuestTrait } from "../guest/guest-traits.ts";
import { chooseCompression } from "./choose-compression.ts";
import { flag, leftOut, parameter } from "./chosen-flag.ts";
import { type HostVersions, knownLimit } from "./known-limits.ts";

export interface ConvergenceFacts {
  /** The guest's processors stand still (`virsh suspend`). */
  readonly paused: boolean;
  readonly policy: MigrationPolicy;
  /** Source and destination; null where it is not known. */
  readonly versions: readonly [HostVersions, HostVersions | null];
  readonly guest: readonly GuestTrait[];
  /** Memory and disks are encrypted. */
  readonly encrypted: boolean;
  /** Why the destination's QEMU cannot do post-copy, as the end of a sentence; null where nothing is known against it. */
  readonly postCopyObstacle: string | null;
  /** libvirtd of this host can let QEMU lock the guest's memory. */
  readonly canLockMemory: boolean;
}

/**
 * What makes a copy end, or end sooner: all of it is fixed with the start call. What the policy asks for, or would be chosen,
 * and the hosts cannot do is listed too, with the value false and the reason.
 */
export function convergenceFlags(facts: ConvergenceFacts): readonly ChosenFlag[] {
  const chosen: ChosenFlag[] = [];
  for (const choose of [postCopy, autoConverge, parallel, compression, zeroCopy]) chosen.push(...choose(facts, chosen));
  return chosen;
}

/** libvirt refuses it for a paused guest, which arrives without it: it changes no page. */
function postCopy(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  if (!facts.policy.permitPostCopy || facts.paused) return [];
  if (facts.postCopyObstacle !== null) {
    return [leftOut("VIR_MIGRATE_POSTCOPY", `not used: on the destination ${facts.postCopyObstacle}`)];
  }
  return unlessKnownLimit(facts, chosen, [
    flag("VIR_MIGRATE_POSTCOPY", "the policy permits post-copy; only a copy started with it can switch"),
  ]);
}

/** Beside post-copy too: the switch is a person's or the schedule's, and until then the copy is to converge by itself. */
function autoConverge(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  const { policy, paused } = facts;
  if (!policy.permitAutoConverge || paused) return [];
  return unlessKnownLimit(facts, chosen, [
    flag("VIR_MIGRATE_AUTO_CONVERGE", "the policy permits slowing the guest's processors so that it converges"),
    parameter("auto_converge.initial", policy.autoConvergeInitialPercent, "the policy's first slow-down, per cent"),
    parameter(
      "auto_converge.increment",
      policy.autoConvergeIncrementPercent,
      "the policy's further slow-downs, points",
    ),
  ]);
}

function parallel(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  const connections = facts.policy.parallelConnections;
  if (connections <= 1) return [];
  return unlessKnownLimit(facts, chosen, [
    flag("VIR_MIGRATE_PARALLEL", "the policy asks for several sockets: one is held to one processor's speed"),
    parameter("parallel.connections", connections, "the policy's number of sockets"),
  ]);
}

function compression(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  const choice = chooseCompression({ ...facts, parallel: has(chosen, "VIR_MIGRATE_PARALLEL") });
  if (choice === null) return [];
  if (choice.method === null) return [leftOut("VIR_MIGRATE_COMPRESSED", `not used: ${choice.reason}`)];
  return unlessKnownLimit(facts, chosen, [
    flag("VIR_MIGRATE_COMPRESSED", choice.reason),
    parameter("compression", choice.method, choice.gains),
  ]);
}

/** Nobody asks for it: it costs nothing but locked memory, which libvirt lets QEMU lock while it sends. */
function zeroCopy(facts: ConvergenceFacts, chosen: readonly ChosenFlag[]): readonly ChosenFlag[] {
  if (!has(chosen, "VIR_MIGRATE_PARALLEL")) return [];
  if (!facts.canLockMemory) {
    return [
      leftOut("VIR_MIGRATE_ZEROCOPY", "not used: CAP_SYS_RESOURCE, to lock the guest's memory, is not given here"),
    ];
  }
  return unlessKnownLimit(facts, chosen, [
    flag("VIR_MIGRATE_ZEROCOPY", "the kernel sends the guest's pages from where they are, at less processor time"),
  ]);
}

/** What is wanted, or its flag with the reason why not. */
function unlessKnownLimit(
  { versions, guest, encrypted }: ConvergenceFacts,
  chosen: readonly ChosenFlag[],
  wanted: readonly ChosenFlag[],
): readonly ChosenFlag[] {
  const [{ name } = { name: "" }] = wanted;
  const method = wanted.find((entry) => entry.name === "compression")?.value;
  const beside = [
    ...(encrypted ? ["VIR_MIGRATE_TLS"] : []),
    ...chosen.filter(({ value }) => value === undefined).map((entry) => entry.name),
  ];
  const limit = knownLimit({
    flag: name,
    ...(method === undefined ? {} : { method: String(method) }),
    beside,
    guest,
    versions,
  });
  return limit === undefined ? wanted : [leftOut(name, `not used: ${limit}`)];
}

function has(chosen: readonly ChosenFlag[], name: string): boolean {
  return chosen.some((entry) => entry.name === name && entry.value === undefined);
}
