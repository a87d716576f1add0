/** Whole migrations of real guests, as an operator sees them. */
import { silentLogger, systemClock } from "@drover/model";
import { openPostgresStore } from "@drover/store";
import { waitFor } from "@drover/testkit";
import { expect, it } from "vitest";
import { isOver, isWatched } from "../integration/watching.ts";
import type { LabPlane } from "./lab-plane.ts";
import { BUSY, STEADY } from "./use-lab-plane.ts";

export function moves(planeOf: () => LabPlane): void {
  it("arrives whole and goes on counting; progress was readable and is in the store", {
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

    // The flush runs every 5 s; the copy took longer.
    const store = await openPostgresStore({ url: plane.storeUrl, clock: systemClock, logger: silentLogger });
    try {
      const flushed = await waitFor("progress to be flushed", async () =>
        (await store.progress.read([migration.uuid])).get(migration.uuid),
      );
      expect(flushed.memoryTotalBytes).toBe(seen.progress?.memoryTotalBytes);
      expect(await store.claims.list()).toEqual([]);
    } finally {
      await store.close();
    }
  });

  it("stays on the source after an abort, whole, and the migration is cancelled", { timeout: 240_000 }, async () => {
    const plane = planeOf();
    const guest = await plane.source.startGuest({ name: "aborted", ...BUSY });
    await plane.untilServerIsOn("aborted", plane.source);
    const { migration } = await plane.client.migrate("aborted");
    await plane.untilMigration(migration.id, "running", ({ status }) => status === "running");
    await plane.client.abort(migration.id);
    const ended = await plane.untilMigration(migration.id, "over", isOver);
    expect(ended.status).toBe("cancelled");
    const after = await guest.waitForFullCheck(plane.source);
    expect(after.badPages).toBe(0);
    expect(await plane.destination.virsh("list", "--all", "--name")).not.toContain("aborted");
    await plane.source.virsh("destroy", "aborted");
  });

  it("cannot converge, and is completed by force", { timeout: 240_000 }, async () => {
    const plane = planeOf();
    const guest = await plane.source.startGuest({ name: "busy", ...BUSY });
    await plane.untilServerIsOn("busy", plane.source);
    const { migration } = await plane.client.migrate("busy");
    // In its third pass it has sent its memory twice over and is no nearer to the end.
    await plane.untilMigration(migration.id, "in its third pass", ({ progress }) => (progress?.iteration ?? 0) >= 3);
    expect((await plane.client.migration(migration.id)).migration.status).toBe("running");
    await plane.client.forceComplete(migration.id);
    const ended = await plane.untilMigration(migration.id, "over", isOver);
    expect(ended.status).toBe("completed");
    const after = await guest.waitForFullCheck(plane.destination);
    expect(after.badPages).toBe(0);
    await plane.destination.virsh("destroy", "busy");
  });
}
