import type { MigrationOutcome } from "@drover/model";

/** Where a guest stands on this host once its migration job is over. */
export type GuestHere =
  /** Its processors run here. */
  | "running"
  /** It stands still here: a person, we, or libvirt's switch-over stopped it. */
  | "paused"
  /** Paused, because post-copy moved its processors away: its memory is on both hosts. */
  | "left-in-post-copy"
  /** Only a definition is left, or not even that. */
  | "gone"
  /** libvirt could not be asked. */
  | "unreachable";

/** Everything that is known at the end. */
export interface EndFacts {
  /** The migrate call's answer; `not-seen` when its connection broke, or another process of ours had made it. */
  readonly perform: "succeeded" | "refused" | "not-seen";
  /** How libvirt's job ended, by its completed event or its completed statistics. */
  readonly job: "completed" | "failed" | "cancelled" | "not-seen";
  readonly guest: GuestHere;
  /** What this agent did to end it, if anything. */
  readonly stopped: "requested" | "time-limit" | null;
}

export interface DecidedOutcome {
  readonly outcome: MigrationOutcome;
  readonly cause: "aborted" | "timed-out" | "failed" | null;
  /** A whole sentence, for the log and the record. */
  readonly reason: string;
}

/**
 * Decides how a copy ended from libvirt's truth. Any contradiction is `unknown`: the conductor then asks both hosts.
 *
 * | guest here | migrate call | job | outcome |
 * | --- | --- | --- | --- |
 * | gone | succeeded | any | arrived |
 * | gone | other | completed | arrived |
 * | gone | other | other | unknown: it may have died, or arrived |
 * | running or paused | succeeded | any | unknown: libvirt contradicts itself |
 * | running or paused | other | completed | unknown: the same |
 * | running | other | other | stayed |
 * | paused | refused | other | stayed |
 * | paused | not seen | failed or cancelled | stayed |
 * | paused | not seen | not seen | unknown: libvirt may have been interrupted in the switch-over |
 * | left in post-copy | any | any | unknown: memory is on both hosts |
 * | unreachable | succeeded | any | arrived: libvirt said so |
 * | unreachable | other | any | unknown |
 */
export function decideOutcome(facts: EndFacts): DecidedOutcome {
  const saidArrived = facts.perform === "succeeded" || facts.job === "completed";
  switch (facts.guest) {
    case "gone":
      if (saidArrived) return { outcome: "arrived", cause: null, reason: "the guest runs on the destination" };
      return unknown("the guest is gone from the source, and libvirt did not say that it arrived");
    case "running":
    case "paused":
      if (saidArrived) return unknown("libvirt says that the guest arrived, yet it is still active on the source");
      if (facts.guest === "paused" && facts.perform === "not-seen" && facts.job === "not-seen") {
        return unknown("the guest stands still on the source, and nobody knows whether the destination runs it");
      }
      return stayed(facts);
    case "left-in-post-copy":
      return unknown("the copy broke in post-copy: the guest's memory is on both hosts");
    case "unreachable":
      if (facts.perform === "succeeded") {
        return { outcome: "arrived", cause: null, reason: "libvirt said that the guest runs on the destination" };
      }
      return unknown("the source's libvirtd could not be asked whether the guest still runs there");
  }
}

function stayed({ stopped, job }: EndFacts): DecidedOutcome {
  if (stopped === "requested") return { outcome: "stayed", cause: "aborted", reason: "it was aborted on request" };
  if (stopped === "time-limit") {
    return { outcome: "stayed", cause: "timed-out", reason: "it was aborted at the policy's time limit" };
  }
  const reason =
    job === "cancelled"
      ? "the copy was cancelled on the source by somebody else; the guest goes on there"
      : "the copy failed; the guest goes on where it was";
  return { outcome: "stayed", cause: "failed", reason };
}

function unknown(reason: string): DecidedOutcome {
  return { outcome: "unknown", cause: null, reason };
}
