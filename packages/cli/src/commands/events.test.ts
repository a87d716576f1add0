import { expect, test } from "vitest";
import { runDrover } from "../testing/run-drover.ts";
import { sampleEvents, sampleMigration } from "../testing/sample-views.ts";
import { refusal } from "../testing/scripted-api.ts";

const fleet = { event: "snapshot", id: 1, data: { migrations: [sampleMigration()], missed: false } };
const change = sampleEvents({}, { state: "completed" })[1] ?? fleet;
const gone = refusal(404, "not-found", "enough");

test("events are a line each, after those that are in progress", async () => {
  const script = { "GET /v1/events": [{ events: [fleet, change] }, gone] };
  const { out, err, code, requests } = await runDrover(script, "events");
  expect(out).toBe(
    "busy: running, host-1 -> host-2\n2  11:59:40  busy (migration 12): completed, host-1 -> host-2: host-2 was chosen\n",
  );
  expect([err, code, requests]).toEqual(["drover: enough\n", 3, ["GET /v1/events", "GET /v1/events"]]);
});

test("with --json events are those of /v1, and go on after the one that is named", async () => {
  const progress = { event: "progress", data: { progress: [] } };
  const script = { "GET /v1/events": [{ events: [change, progress] }, gone] };
  const { out, requests } = await runDrover(script, "events", "--json", "--progress", "--after", "1");
  const [first, second] = out.split("\n").map((line) => (line === "" ? undefined : JSON.parse(line)));
  expect(first).toMatchObject({ event: "change", lastEventId: "2", data: { id: 2, state: "completed" } });
  expect(second).toEqual({ ...progress, lastEventId: "2" });
  expect(requests[0]).toBe("GET /v1/events?progress=true");
});

test("says when what was named to go on from is not known any more", async () => {
  const missed = { ...fleet, data: { ...fleet.data, missed: true } };
  const { err } = await runDrover({ "GET /v1/events": [{ events: [missed] }, gone] }, "events", "--after", "7");
  expect(err).toContain("what happened before is not known any more");
});
