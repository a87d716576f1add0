import { waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type StandaloneFolders,
  type StandaloneProcess,
  standaloneFolders,
} from "../integration/standalone-process.ts";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { type OtlpReceiver, type ReceivedSpan, rootsOf, startOtlpReceiver } from "./otlp-receiver.ts";

describe("the traces of a Drover that has a collector", () => {
  let receiver: OtlpReceiver;
  let folders: StandaloneFolders;
  let drover: StandaloneProcess;
  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    folders = await standaloneFolders({ DROVER_TRACING_ENDPOINT: `${receiver.url}/` });
    drover = await folders.start();
  });
  afterAll(async () => {
    await folders[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  const named = (name: string) => receiver.spans.filter((span) => span.name === name);
  /** The whole trace of a migration, once its last span has come. */
  async function traceOf(uuid: string, last: string): Promise<readonly ReceivedSpan[]> {
    const end = await waitFor(`the span ${last}`, () =>
      named(last).find((span) => span.attributes["drover.migration"] === uuid),
    );
    return receiver.spans.filter(({ traceId }) => traceId === end.traceId);
  }

  it("follow a migration from its request through conductor, scheduler and both agents", async () => {
    const { client } = drover;
    const { migration } = await client.migrate("web-1", { host: "beta" });
    const ended = await untilMigration(client, migration.id, "over", isOver);
    expect(ended.state).toBe("completed");
    await client.servers();

    const trace = await traceOf(migration.uuid, "step release-source");
    const [root, ...others] = rootsOf(trace);
    expect(others).toEqual([]);
    expect(root).toMatchObject({ scope: "@drover/api", attributes: { "http.response.status_code": 202 } });
    const nameOf = (span: ReceivedSpan) => trace.find(({ spanId }) => spanId === span.parentSpanId)?.name;
    const steps = ["choose-destination", "prepare-destination", "move-guest", "finish-destination", "release-source"];
    for (const step of ["queue", ...steps.map((name) => `step ${name}`)]) {
      const found = trace.filter(({ name }) => name === step);
      expect(found, step).toHaveLength(1);
      expect(found.map(nameOf), step).toEqual(["conductor live_migrate_instance"]);
    }
    const served = trace.filter(({ attributes }) => attributes["drover.server"] === "beta").map(({ name }) => name);
    expect(served).toContain("compute check_can_live_migrate_destination");
    expect(served).toContain("compute pre_live_migration");
    expect(trace.map(({ name }) => name)).toContain("scheduler select_destinations");

    const [copy] = trace.filter(({ name }) => name === "copy guest");
    expect(copy).toMatchObject({
      scope: "@drover/compute-agent",
      attributes: { "drover.server": "web-1", "drover.source": "alpha", "drover.outcome": "arrived" },
    });
    expect(copy && nameOf(copy)).toBe("compute live_migration");
    const events = copy?.events.map(({ name }) => name);
    expect(events?.[0]).toBe("started");
    expect(events).toContain("memory iteration");
    const reports = trace.filter(({ name }) => name === "conductor report_migration_outcome");
    expect(reports.map(nameOf).sort()).toEqual(["conductor report_migration_outcome", "copy guest"]);
    // Reading is nobody's trace, and neither is what services tell each other all the time.
    const all = receiver.spans.map(({ name }) => name);
    expect(all.filter((name) => name.startsWith("GET") || /heartbeat|report_host/.test(name))).toEqual([]);
  });

  it("go on the trace of the caller, and have the undoing of what was aborted", async () => {
    const { client, url, token } = drover;
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const headers = {
      "content-type": "application/json",
      "x-auth-token": token,
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    };
    const asked = await fetch(`${url}/v1/servers/cache/migrations`, {
      method: "POST",
      headers,
      body: '{"host":"alpha"}',
    });
    expect(asked.status).toBe(202);
    const { migration } = (await asked.json()) as { migration: { id: number; uuid: string } };
    await untilMigration(client, migration.id, "watched", isWatched);
    await client.abort(migration.id);
    await untilMigration(client, migration.id, "over", isOver);
    const trace = await traceOf(migration.uuid, "undo choose-destination");
    expect(trace[0]?.traceId).toBe(traceId);
    expect(rootsOf(trace).map(({ parentSpanId }) => parentSpanId)).toEqual(["b7ad6b7169203331"]);
    const copy = trace.find(({ name }) => name === "copy guest");
    expect(copy).toMatchObject({ attributes: { "drover.outcome": "stayed", "drover.cause": "aborted" } });
  });
});
