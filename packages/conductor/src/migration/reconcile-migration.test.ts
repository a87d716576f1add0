import { GUEST_STANDINGS, type GuestStanding } from "@drover/model";
import { describe, expect, it } from "vitest";
import { type Finding, findingFrom, type HostAnswer } from "./reconcile-migration.ts";

type Job = "none" | "outgoing" | "incoming";

const says = (standing: GuestStanding, job: Job = "none", steering = true): HostAnswer => ({
  kind: "answered",
  standing,
  job,
  steering,
});
const silent: HostAnswer = { kind: "silent", problem: "nobody answers" };
const unsteered = (standing: GuestStanding): HostAnswer => says(standing, "outgoing", false);

function decide(source: HostAnswer, destination: HostAnswer, more: { elsewhere?: string; startIsOver?: boolean } = {}) {
  const { elsewhere = null, startIsOver = false } = more;
  return nameOf(findingFrom({ source, destination, elsewhere, startIsOver }));
}

function nameOf(finding: Finding): string {
  return finding.kind === "proved" ? finding.event : finding.kind;
}

describe("what both hosts say proves where the guest is", () => {
  it.each([
    ["copying", says("running", "outgoing"), says("paused-by-migration", "incoming"), "stillCopying"],
    [
      "copying one that we suspended",
      says("paused", "outgoing"),
      says("paused-by-migration", "incoming"),
      "stillCopying",
    ],
    ["copying, the destination silent", says("running", "outgoing"), silent, "stillCopying"],
    ["copying, steered by nobody", unsteered("running"), says("paused-by-migration", "incoming"), "unclear"],
    ["post-copy", says("left-in-post-copy", "outgoing"), says("post-copy", "incoming"), "stillPostCopy"],
    ["post-copy, steered by nobody", unsteered("left-in-post-copy"), says("post-copy", "incoming"), "unclear"],
    ["post-copy broken", unsteered("post-copy-broken"), says("post-copy-broken", "incoming"), "postCopyBroken"],
    ["post-copy lost by libvirt, QEMU copies on", unsteered("post-copy-broken"), says("post-copy"), "unclear"],
    ["post-copy, its destination died", unsteered("post-copy-broken"), says("off"), "foundNowhere"],
    ["post-copy, its source died", says("off"), says("post-copy-broken"), "foundNowhere"],
    ["post-copy, done by itself", says("left-in-post-copy"), says("running"), "foundOnDestination"],
    ["never left", says("running"), says("absent"), "foundOnSource"],
    ["never left, a definition there", says("running"), says("off"), "foundOnSource"],
    ["never left, a copy there that was never started", says("running"), says("paused-by-migration"), "foundOnSource"],
    ["never left, the destination silent", says("running"), silent, "foundOnSource"],
    ["stands still where it was", says("paused"), says("absent"), "foundOnSource"],
    ["stands still where it was, the destination silent", says("paused"), silent, "unclear"],
    ["stopped by libvirt and never started there", says("paused-by-migration"), says("absent"), "foundOnSource"],
    ["ran there and is off: what stands still here is older", says("paused-by-migration"), says("off"), "foundOnBoth"],
    ["off on both", says("off"), says("off"), "foundOff"],
    ["arrived, a remnant here", says("paused-by-migration"), says("running"), "foundOnDestination"],
    ["arrived, what we suspended still here", says("paused"), says("running"), "foundOnDestination"],
    ["arrived", says("absent"), says("running"), "foundOnDestination"],
    ["arrived standing still, a definition here", says("off"), says("paused"), "foundOnDestination"],
    ["arrived, the source silent", silent, says("running"), "foundOnDestination"],
    ["being taken in, the source silent", silent, says("paused-by-migration", "incoming"), "unclear"],
    ["switching over", says("off"), says("paused-by-migration", "incoming"), "unclear"],
    ["gone, and never started there", says("off"), says("paused-by-migration"), "foundNowhere"],
    ["off where it was", says("off"), says("absent"), "foundOff"],
    ["off where it was going", says("absent"), says("off"), "foundOff"],
    ["known to neither", says("absent"), says("absent"), "foundNowhere"],
    ["running twice", says("running"), says("running"), "foundOnBoth"],
    ["standing still twice", says("paused"), says("paused"), "foundOnBoth"],
    ["silent twice", silent, silent, "unclear"],
  ] as const)("%s", (_name, source, destination, expected) => {
    expect(decide(source, destination)).toBe(expected);
  });

  it("a third host that runs it counts only where neither of the two does", () => {
    expect(decide(says("absent"), says("off"), { elsewhere: "gamma" })).toBe("foundElsewhere");
    expect(decide(says("running"), says("off"), { elsewhere: "gamma" })).toBe("foundOnSource");
    expect(decide(says("paused"), says("absent"), { elsewhere: "gamma" })).toBe("foundOnBoth");
    expect(decide(silent, says("absent"), { elsewhere: "gamma" })).toBe("foundElsewhere");
    expect(decide(silent, says("running"), { elsewhere: "gamma" })).toBe("foundOnDestination");
  });

  it.each([
    ["nothing of it there", silent, says("absent"), "foundOnSource"],
    ["a definition there: it may have been brought", silent, says("off"), "unclear"],
    ["arriving", silent, says("paused-by-migration", "incoming"), "unclear"],
    ["arrived", silent, says("running"), "foundOnDestination"],
    ["silent too", silent, silent, "unclear"],
    ["the source answers after all", says("running", "outgoing"), says("absent"), "stillCopying"],
  ] as const)("its time to begin is over, and the source is silent: %s", (_name, source, destination, expected) => {
    expect(decide(source, destination, { startIsOver: true })).toBe(expected);
  });

  it("never finds a guest where the host says that it has no processors", () => {
    for (const here of GUEST_STANDINGS) {
      for (const there of GUEST_STANDINGS) {
        const found = decide(says(here), says(there));
        if (found === "foundOnSource") expect(["running", "paused", "paused-by-migration"]).toContain(here);
        if (found === "foundOnDestination") expect(["running", "paused"]).toContain(there);
        if (here === "running" && there === "running") expect(found).toBe("foundOnBoth");
      }
    }
  });
});
