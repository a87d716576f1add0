import { openSampleFleet, S1 } from "@drover/fleet/testing";
import { DroverError, silentLogger } from "@drover/model";
import { expect, it, vi } from "vitest";
import { announcingStore } from "./announcing-store.ts";
import { changeAnnouncer } from "./change-announcer.ts";

it("says once more for all that changed while it was saying so, and goes on when it could not", async () => {
  const pending: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const announceChange = vi.fn(() => new Promise<void>((resolve, reject) => pending.push({ resolve, reject })));
  const announce = changeAnnouncer({ announceChange }, silentLogger);
  for (let n = 0; n < 5; n++) announce();
  expect(announceChange).toHaveBeenCalledTimes(1);
  pending[0]?.reject(new DroverError("unavailable", "away"));
  await vi.waitFor(() => expect(announceChange).toHaveBeenCalledTimes(2));
  pending[1]?.resolve();
  await new Promise(setImmediate);
  announce();
  expect(announceChange).toHaveBeenCalledTimes(3);
});

it("announces every write of a migration, and no reading", async () => {
  await using fleet = await openSampleFleet();
  const migration = await fleet.queued(S1);
  let announced = 0;
  const { migrations } = announcingStore(fleet.store, () => {
    announced += 1;
  });
  await migrations.get(migration.uuid);
  await migrations.readLog(migration.uuid);
  expect(announced).toBe(0);
  await migrations.appendLog(migration.uuid, "queued", { event: "noted", message: "" });
  const after = await migrations.update(migration.uuid, migration, { priority: 1 });
  await expect(migrations.update(migration.uuid, migration, { priority: 2 })).rejects.toThrow(/wrote first/);
  expect([announced, after.priority]).toEqual([3, 1]);
});
