/** A post-copy whose link breaks, over the whole plane: resumed by the policy, or by a person. */

import { hurriedClock } from "@drover/libvirt-sim";
import { describe, expect, it } from "vitest";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

/** A migration of `web` that is broken in post-copy. */
async function breakPostCopy(plane: SimulatedPlane): Promise<number> {
  plane.fleet.faults.setLinkBandwidth("alpha", "beta", 20);
  await plane.addGuest({ name: "web", dirtyMiBps: 400, workingSetMiB: 200 });
  const policy = { permitPostCopy: true, permitAutoConverge: false };
  const { migration } = await plane.client.migrate("web", { host: "beta", policy });
  await untilMigration(plane.client, migration.id, "copying", isWatched);
  await plane.client.forceComplete(migration.id, { method: "post-copy" });
  await untilMigration(plane.client, migration.id, "in post-copy", ({ state }) => state === "post-copy");
  plane.fleet.faults.setLink("alpha", "beta", "reset");
  await untilMigration(plane.client, migration.id, "broken", ({ state }) => state === "post-copy-paused");
  return migration.id;
}

function mend(plane: SimulatedPlane): void {
  plane.fleet.faults.setLink("alpha", "beta", "up");
  plane.fleet.faults.setLinkBandwidth("alpha", "beta", 300);
}

describe("a post-copy whose link breaks", { timeout: 120_000 }, () => {
  it("is resumed by the policy once the link is back", async () => {
    await using plane = await startSimulatedPlane({ clock: hurriedClock(10) });
    const id = await breakPostCopy(plane);
    mend(plane);
    const ended = await untilMigration(plane.client, id, "over", isOver);
    expect(ended).toMatchObject({ state: "completed", resume: { requestedBy: "policy" } });
    expect(ended.policyOrigins).toMatchObject({ permitPostCopy: "request", postCopyResumeAttempts: "default" });
  });

  it("waits for a person where the policy has no try left, and is then resumed by hand", async () => {
    await using plane = await startSimulatedPlane({
      clock: hurriedClock(10),
      policy: { postCopyResumeAttempts: 1 },
    });
    const id = await breakPostCopy(plane);
    const refused = await untilMigration(plane.client, id, "refused", ({ resume }) => resume?.answer != null);
    expect(refused).toMatchObject({ state: "post-copy-paused", resume: { byPolicy: 1, number: 1 } });
    mend(plane);
    expect(await plane.client.resume(id)).toEqual({ answer: "accepted" });
    const ended = await untilMigration(plane.client, id, "over", isOver);
    expect(ended).toMatchObject({ state: "completed", resume: { number: 2, requestedBy: "admin" } });
    await expect(plane.client.resume(id)).rejects.toMatchObject({ code: "refused" });
  });
});
