import { DroverError, silentLogger, systemClock } from "@drover/model";
import { openSqliteStore, type Store } from "@drover/store";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { asServerAction } from "./server-action.ts";

const serverUuid = "6f6e2ac4-21b1-4b62-b0ab-4c5f8ea2c2ab";
const request = { serverUuid, action: "pause", host: "alpha", requestedBy: "olga" } as const;
const away = new DroverError("unavailable", "the database is away");

let store: Store;
beforeEach(async () => {
  store = await openSqliteStore({ path: ":memory:", clock: systemClock, logger: silentLogger });
});
afterEach(() => store.close());

function pausing(work: () => Promise<string>) {
  return asServerAction({ store, logger: silentLogger }, request, { requestId: "req-1", projectId: "night" }, work);
}

it("has who asked for what, and that it was done or why not", async () => {
  expect(await pausing(async () => "done")).toBe("done");
  await expect(pausing(() => Promise.reject(new DroverError("libvirt", "libvirt said no")))).rejects.toThrow("said no");
  const asked = { serverUuid, action: "pause", host: "alpha", userId: "olga", projectId: "night", requestId: "req-1" };
  expect(await store.serverActions.list(serverUuid, 10)).toMatchObject([
    { ...asked, finishedAt: expect.any(Date), error: "libvirt said no" },
    { ...asked, finishedAt: expect.any(Date), error: null },
  ]);
});

it("does not what cannot be recorded, and answers what was done although its end cannot be", async () => {
  const work = vi.fn(async () => "done");
  vi.spyOn(store.serverActions, "begin").mockRejectedValueOnce(away);
  await expect(pausing(work)).rejects.toMatchObject({ code: "unavailable" });
  expect(work).not.toHaveBeenCalled();
  vi.spyOn(store.serverActions, "finish").mockRejectedValueOnce(away);
  expect(await pausing(work)).toBe("done");
  expect(await store.serverActions.list(serverUuid, 10)).toMatchObject([{ finishedAt: null, error: null }]);
});
