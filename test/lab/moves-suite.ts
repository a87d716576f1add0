/** A whole migration of a real guest, as an operator sees it; what is done to one under way is in test/matrix. */
import { silentLogger, systemClock } from "@drover/model";
import { openPostgresStore } from "@drover/store";
import { waitFor } from "@drover/testkit";
import { expect, it } from "vitest";
import { isOver, isWatched } from "../integration/watching.ts";
import type { LabPlane } from "./lab-plane.ts";
import { STEADY } from "./use-lab-plane.ts";

export function moves(planeOf: () => LabPlane): void {
  it("arrives whole and goes on counting; progress was readable, and how it went is in the store", {
    timeout: 240_000,
  }, async () => {
    const plane = planeOf();
    const guest = await plane.source.startGuest({ name: "steady", ...STEADY });
    await plane.untilServerIsOn("steady", plane.source);
    const before = await guest.waitForCounter(2);

    const { migration } = await plane.client.migrate("steady");
    const seen = await plane.untilMigration(migration.id, "half way, with progress", isWatched);
    expect(seen.progress).toMatchObject({ source: "cache" });
    expect(seen.progress?.memoryTotalBytes).toBeGreaterThan(250 * 1024 * 1024);
    const ended = await plane.untilMigration(migration.id, "over", isOver);
    expect(ended).toMatchObject({ status: "completed", destinationHost: plane.destination.name, failure: null });

    const after = await guest.waitForFullCheck(plane.destination);
    expect(after.counter).toBeGreaterThan(before.counter);
    expect(after.badPages).toBe(0);
    await plane.untilServerIsOn("steady", plane.destination);
    expect(await plane.source.virsh("list", "--all", "--name")).not.toContain("steady");
    expect(await plane.destination.virsh("dominfo", "steady")).toMatch(/Persistent:\s+yes/);

    const store = await openPostgresStore({ url: plane.storeUrl, clock: systemClock, logger: silentLogger });
    try {
      // How it went is in the store some seconds after its end.
      const history = await waitFor("the history to be archived", () => store.histories.read(migration.uuid), {
        deadlineMs: 60_000,
      });
      expect(history.length).toBeGreaterThan(1);
      expect(await store.claims.list()).toEqual([]);
    } finally {
      await store.close();
    }
  });
}
