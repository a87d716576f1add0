import { afterEach, expect, test } from "vitest";
import { runCli } from "../run-cli.ts";
import { type CapturedIo, capturedIo } from "../testing/captured-io.ts";
import { sampleDetail, sampleEvents, sampleMigration, sampleProgress } from "../testing/sample-views.ts";
import { openScriptedApi, refusal, type ScriptedAnswer, type ScriptedApi } from "../testing/scripted-api.ts";

const opened: ScriptedApi[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((api) => api.close()));
});

/** Watches migration 12, whose event stream answers so each time it is opened. */
async function watch(streams: readonly ScriptedAnswer[], argv: readonly string[] = [], terminal?: { columns: number }) {
  const find = { body: sampleDetail({ state: "queued" }) };
  const api = await openScriptedApi({ "GET /v1/migrations/12": find, "GET /v1/migrations/12/events": streams });
  opened.push(api);
  const io = capturedIo({ DROVER_URL: api.url, LANG: "C.UTF-8" }, terminal);
  return { io, code: await runCli(["migration", "watch", "12", ...argv], io) };
}

function stream(...states: Parameters<typeof sampleEvents>): ScriptedAnswer {
  return { events: sampleEvents(...states) };
}

const arrived = {
  state: "completed",
  endedAt: "2026-03-01T12:00:00.300Z",
  progress: sampleProgress({ phase: "completed", memoryRemainingBytes: 0, downtimeMs: 87, source: "record" }),
} as const;

function withoutTimes(io: CapturedIo): string[] {
  return io
    .out()
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, ""));
}

test("plain lines: one per change, numbers once a second, the outcome as a sentence", async () => {
  const waiting = { state: "queued", destinationHost: null, reason: "waits for a slot on host-1" } as const;
  const { io, code } = await watch([
    stream(
      waiting,
      waiting,
      { state: "running" },
      { progress: sampleProgress({ iteration: 1 }) },
      { progress: sampleProgress({ iteration: 2 }) },
    ),
    // By then it was connected anew, and seconds have passed.
    {
      events: [
        { event: "progress", data: { progress: [sampleProgress({ iteration: 3, autoConvergeThrottlePercent: 20 })] } },
        ...sampleEvents(
          { state: "post-copy", progress: sampleProgress({ phase: "post-copy" }) },
          { state: "post-migrating" },
          arrived,
        ),
      ],
    },
  ]);
  expect(code).toBe(0);
  expect(withoutTimes(io)).toEqual([
    "busy: queued, host-1 -> ?, waits for a slot on host-1",
    "busy: running, host-1 -> host-2",
    "busy: running, host-1 -> host-2, 60 %, 812 MiB left, 118 MiB/s, dirty 130 MiB/s, pass 3, slowed 20 %",
    "busy: running (post-copy), host-1 -> host-2, 60 %, 812 MiB left, 118 MiB/s",
    "busy: post-migrating, host-1 -> host-2",
    "busy: completed, host-1 -> host-2",
    "busy runs on host-2; migration 12 completed in 12.3 s, standstill 87 ms",
  ]);
});

test.each([
  ["failed", 5, "migration 12 of busy failed, the server stays on host-1: link broke"],
  ["cancelled", 6, "migration 12 of busy was cancelled, the server stays on host-1: link broke"],
  ["error", 8, "migration 12 of busy is in error and waits for a person: link broke; see drover migration show 12"],
] as const)("a migration that ends %s ends the watching with %i", async (state, exitCode, sentence) => {
  const { io, code } = await watch([stream({ state: "rolling-back" }, { state, reason: "link broke" })]);
  expect(code).toBe(exitCode);
  expect(io.out() + io.err()).toContain(sentence);
  expect(io.out()).toContain("busy: rolling back, host-1 -> host-2\n");
});

test("--json gives /v1's document per change, the last one being the outcome", async () => {
  const { io, code } = await watch(
    [stream({}, { progress: sampleProgress({ ageMs: 10 }) }, { progress: sampleProgress({ ageMs: 510 }) }, arrived)],
    ["--json"],
  );
  expect(code).toBe(0);
  const documents = io
    .out()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(documents.map(({ migration }) => migration.state)).toEqual(["running", "completed"]);
  const { migration, log } = sampleDetail(arrived);
  expect(documents.at(-1)).toEqual({ migration, log: [...sampleDetail().log, { ...log[0], state: "completed" }] });
});

test("on a terminal one line is redrawn, the cursor comes back, and the outcome follows", async () => {
  const { io, code } = await watch([stream({ progress: sampleProgress() }, { state: "rolling-back" }, arrived)], [], {
    columns: 120,
  });
  expect(code).toBe(0);
  expect(io.out()).toContain("busy host-1 -> host-2");
  expect(io.out()).toContain("812 MiB left  118 MiB/s  dirty 130 MiB/s  pass 3");
  expect(io.out().endsWith("busy runs on host-2; migration 12 completed in 12.3 s, standstill 87 ms\n")).toBe(true);
  expect(io.out().lastIndexOf("\u001b[?25h")).toBeGreaterThan(io.out().lastIndexOf("\u001b[?25l"));
});

test("an API that restarts does not end the watching, and is told of once", async () => {
  const away = refusal(503, "unavailable", "the store is away");
  const { io, code } = await watch([stream({}), "cut", away, away, stream(arrived)]);
  expect(code).toBe(0);
  expect(io.err()).toBe("drover: Drover's API does not answer, asking again\n");
});

test("an API that stays away ends it with 7", async () => {
  const { io, code } = await watch([stream({}), "cut"]);
  expect(code).toBe(7);
  expect(io.err()).toContain("cannot reach Drover's API at");
});

test("a migration that is forgotten meanwhile ends it with 3 at once", async () => {
  const { code } = await watch([stream({}), refusal(404, "not-found", "there is no migration 12")]);
  expect(code).toBe(3);
});

test("Ctrl-C leaves the migration running and says so", async () => {
  const api = await openScriptedApi({
    "POST /v1/servers/busy/migrations": { status: 202, body: { migration: sampleMigration({ state: "queued" }) } },
    "GET /v1/migrations/12/events": stream({ progress: sampleProgress() }),
  });
  opened.push(api);
  const io = capturedIo({ DROVER_URL: api.url });
  const write = io.stdout.write.bind(io.stdout);
  io.stdout.write = (text: string | Uint8Array) => {
    io.interrupt();
    return write(text);
  };
  expect(await runCli(["server", "migrate", "busy", "--watch"], io)).toBe(130);
  expect(io.err()).toBe(
    "drover: no longer watching; migration 12 of busy goes on (drover migration watch 12, drover migration abort 12)\n",
  );
  expect(api.requests.filter((request) => request.startsWith("POST"))).toHaveLength(1);
  expect(io.interrupt()).toBe(false);
});
