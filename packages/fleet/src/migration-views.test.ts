import { silentLogger, systemClock } from "@drover/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFleet } from "./fleet.ts";
import { createMigrationViews, type MigrationQuery, type MigrationViews } from "./migration-views.ts";
import { progressReader } from "./progress-reader.ts";
import { openSampleFleet, S1, S2, type SampleFleet, sampleSnapshot } from "./testing/sample-fleet.ts";

let sample: SampleFleet;
let views: MigrationViews;
beforeEach(async () => {
  sample = await openSampleFleet();
  const { store, progress } = sample;
  views = createMigrationViews({
    store,
    fleet: createFleet(store, systemClock),
    readProgress: progressReader({ store, progress, clock: systemClock, logger: silentLogger }),
  });
});
afterEach(() => sample[Symbol.asyncDispose]());

it("narrows by everything that is given, and by nothing that is null", async () => {
  const running = await sample.running(S1);
  const cancelled = await sample.move(await sample.queued(S2), { state: "cancelled", reason: "on request" });
  const ids = async (query: MigrationQuery) => (await views.list(query)).map(({ id }) => id);
  expect(await ids({})).toEqual([cancelled.id, running.id]);
  expect(await ids({ server: null, status: null, host: null, active: null, marker: null })).toHaveLength(2);
  expect(await ids({ server: "vm1" })).toEqual([running.id]);
  expect(await ids({ status: "running", active: true })).toEqual([running.id]);
  expect(await ids({ active: false })).toEqual([cancelled.id]);
  expect(await ids({ host: "hostb" })).toEqual([running.id]);
  expect(await ids({ limit: 1, marker: String(cancelled.id) })).toEqual([running.id]);
});

it.each([
  [{ status: "nosuch" }, "bad-request", /status: nosuch is none of queued/],
  [{ server: "nope" }, "not-found", /no server nope/],
  [{ marker: "99" }, "not-found", /no migration 99/],
] as const)("says of %j that it names nothing", async (query, code, message) => {
  await expect(views.list(query)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

it("shows one by number or uuid, with progress and log", async () => {
  const { id, uuid } = await sample.running(S1);
  await sample.progress.publish("hosta", [sampleSnapshot(uuid)]);
  for (const reference of [String(id), uuid]) {
    expect(await views.detail(reference)).toMatchObject({
      migration: { id, state: "running", progress: { memoryRemainingBytes: 400, source: "cache" } },
      log: [{ event: "queued", state: "queued" }],
    });
  }
  await expect(views.detail("99")).rejects.toMatchObject({ code: "not-found" });
});
