import { S1, S2 } from "@drover/fleet/testing";
import type { Migration } from "@drover/model";
import type { LogLine, MigrationChange } from "@drover/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

const abort = { requestId: "req-abort", requestedBy: "bob" };
const force = { requestId: "req-force", requestedBy: "cid" };

/** Writes a record on as the conductor does: each line of its log with what it changes. */
async function happen(migration: Migration, ...lines: readonly [LogLine, MigrationChange][]): Promise<Migration> {
  let written = migration;
  for (const [log, change] of lines) {
    written = await api.store.migrations.update(written.uuid, written, change, log);
  }
  return written;
}

const line = (event: string, message = ""): LogLine => ({ event, message });
const prepared = [
  [line("schedule"), { state: "preparing" }],
  [line("choose-destination"), { destinationHost: "hostb" }],
  [line("prepare-destination"), {}],
  [line("started"), { state: "running" }],
] as const satisfies readonly [LogLine, MigrationChange][];

async function list(minor: number, query = ""): Promise<Record<string, unknown>[]> {
  const { status, body } = await api.nova("GET", `/servers/${S1}/os-instance-actions${query}`, minor);
  expect(status).toBe(200);
  return (body as { instanceActions: Record<string, unknown>[] }).instanceActions;
}

async function show(requestId: string, minor = 84): Promise<Record<string, unknown> & { events: object[] }> {
  const { body } = await api.nova("GET", `/servers/${S1}/os-instance-actions/${requestId}`, minor);
  return (body as { instanceAction: Record<string, unknown> & { events: object[] } }).instanceAction;
}

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);

describe("the stages of a live migration", () => {
  it("are told as it goes, the newest first", async () => {
    const queued = await api.fleet.queued(S1);
    expect(await show(queued.requestId)).toEqual({
      action: "live-migration",
      instance_uuid: S1,
      request_id: queued.requestId,
      user_id: "admin",
      project_id: "admin",
      start_time: time,
      updated_at: time,
      message: null,
      events: [
        {
          event: "conductor_live_migrate_instance",
          start_time: time,
          finish_time: null,
          result: null,
          traceback: null,
          details: null,
          host: null,
          hostId: "",
        },
      ],
    });
    const running = await happen(queued, ...prepared);
    expect((await show(queued.requestId)).events).toMatchObject([
      { event: "compute_live_migration", result: null, host: "hosta", hostId: expect.stringMatching(/^[0-9a-f]{56}$/) },
      { event: "compute_pre_live_migration", result: "Success", finish_time: time, host: "hostb" },
      { event: "conductor_live_migrate_instance", result: "Success" },
    ]);
    await happen(
      running,
      [line("outcome: arrived"), { state: "post-migrating" }],
      [line("finish-destination"), {}],
      [line("done"), { state: "completed" }],
    );
    expect((await show(queued.requestId)).events).toMatchObject([
      { event: "compute__post_live_migration", result: "Success", host: "hosta" },
      { event: "compute_post_live_migration_at_destination", result: "Success", host: "hostb" },
      { event: "compute_live_migration", result: "Success" },
      { event: "compute_pre_live_migration", result: "Success" },
      { event: "conductor_live_migrate_instance", result: "Success" },
    ]);
    expect(await list(58)).toMatchObject([{ message: null }]);
  });

  it("say why a check before the copy failed, at every version", async () => {
    const queued = await api.fleet.queued(S1);
    await happen(
      queued,
      [line("schedule"), { state: "preparing" }],
      [line("fail", "no host has the room"), { state: "rolling-back" }],
      [line("undone"), { state: "failed" }],
    );
    expect(await list(1)).toEqual([expect.objectContaining({ action: "live-migration", message: "Error" })]);
    const { events } = await show(queued.requestId);
    expect(events).toMatchObject([
      { event: "compute__rollback_live_migration", result: "Success" },
      { event: "conductor_live_migrate_instance", result: "Error", details: "no host has the room" },
    ]);
    const before = await show(queued.requestId, 83);
    expect(before.events[1]).toMatchObject({ traceback: "no host has the room" });
    expect(before.events[1]).not.toHaveProperty("details");
    expect((await show(queued.requestId, 61)).events[1]).not.toHaveProperty("host");
  });

  it("end where one is called off while it waits", async () => {
    const queued = await api.fleet.queued(S1);
    await happen(queued, [{ ...line("abort requested", "asked for by bob"), request: abort }, { state: "cancelled" }]);
    expect((await show(queued.requestId)).events).toMatchObject([
      { event: "conductor_live_migrate_instance", result: "Error", finish_time: time },
    ]);
    expect((await show("req-abort")).events).toMatchObject([
      { event: "compute_live_migration_abort", result: "Success" },
    ]);
  });
});

describe("a request for a migration", () => {
  it("succeeds when it has taken effect", async () => {
    const running = await happen(
      await api.fleet.queued(S1),
      ...prepared,
      [{ ...line("force-complete requested"), request: force }, {}],
      [{ ...line("abort requested"), request: abort }, {}],
    );
    expect((await show("req-abort")).events).toMatchObject([{ result: null, finish_time: null }]);
    await happen(
      running,
      [line("force-complete-sent"), {}],
      [line("abort-sent"), {}],
      [line("outcome: stayed"), { state: "rolling-back" }],
      [line("undoneOnRequest"), { state: "cancelled" }],
    );
    expect(await show("req-abort")).toMatchObject({
      action: "live_migration_cancel",
      user_id: "bob",
      message: null,
      events: [{ event: "compute_live_migration_abort", result: "Success", host: "hosta" }],
    });
    expect(await show("req-force")).toMatchObject({
      action: "live_migration_force_complete",
      events: [{ event: "compute_live_migration_force_complete", result: "Success" }],
    });
  });

  it("is an error with its reason when it was refused, at once or by the agent, and when it came too late", async () => {
    const request = (word: string) => ({ requestId: `req-${word}`, requestedBy: "bob" });
    await happen(
      await api.fleet.queued(S1),
      ...prepared,
      [{ ...line("abort requested"), request: request("first") }, {}],
      [line("abort-refused", "libvirt refused"), {}],
      [{ ...line("abort requested"), request: request("second") }, {}],
      [line("abort-sent"), {}],
      [line("outcome: arrived"), { state: "post-migrating" }],
      [{ ...line("abort refused", "it has arrived"), request: request("third") }, {}],
      [line("done"), { state: "completed" }],
    );
    const details = async (word: string) => (await show(`req-${word}`)).events;
    expect(await details("first")).toMatchObject([{ result: "Error", details: "libvirt refused" }]);
    expect(await details("second")).toMatchObject([{ result: "Error", details: expect.stringContaining("too late") }]);
    expect(await details("third")).toMatchObject([{ result: "Error", details: "it has arrived" }]);
    expect((await list(66)).map((action) => [action.request_id, action.message])).toEqual([
      ["req-third", "Error"],
      ["req-second", "Error"],
      ["req-first", "Error"],
      [expect.stringMatching(/^req-/), null],
    ]);
  });
});

describe("what else is asked of a server", () => {
  it("is told with the names of Nova's API and compute service, and why it failed", async () => {
    const { serverActions } = api.store;
    const asked = { serverUuid: S2, userId: "bob", projectId: "farm" };
    await serverActions.finish(
      await serverActions.begin({ ...asked, action: "lock", host: null, requestId: "req-lock" }),
      null,
    );
    const pause = await serverActions.begin({ ...asked, action: "pause", host: "hosta", requestId: "req-pause" });
    const path = `/servers/${S2}/os-instance-actions`;
    const actions = { "req-lock": "lock", "req-pause": "pause" };
    const { body } = await api.nova("GET", path, 84);
    const listed = (body as { instanceActions: { request_id: string; action: string }[] }).instanceActions;
    expect(Object.fromEntries(listed.map((one) => [one.request_id, one.action]))).toEqual(actions);
    const shown = async (requestId: string) => (await api.nova("GET", `${path}/${requestId}`, 84)).body;
    expect(await shown("req-pause")).toMatchObject({
      instanceAction: { message: null, events: [{ event: "compute_pause_instance", result: null, host: "hosta" }] },
    });
    await serverActions.finish(pause, "libvirt said no");
    expect(await shown("req-pause")).toMatchObject({
      instanceAction: {
        message: "Error",
        events: [{ result: "Error", finish_time: time, details: "libvirt said no" }],
      },
    });
    expect(await shown("req-lock")).toMatchObject({
      instanceAction: {
        ...{ action: "lock", user_id: "bob", project_id: "farm", message: null },
        events: [{ event: "api_lock", result: "Success", host: null, hostId: "" }],
      },
    });
  });
});

describe("the list of actions", () => {
  it("has pages, and times to choose by, from 2.58 on", async () => {
    const first = await api.fleet.queued(S1);
    await happen(first, [{ ...line("abort requested"), request: abort }, { state: "cancelled" }]);
    const path = `/servers/${S1}/os-instance-actions`;
    const page = await api.nova("GET", `${path}?limit=1`, 58);
    expect(page.body).toMatchObject({
      instanceActions: [{ request_id: "req-abort" }],
      links: [{ rel: "next", href: expect.stringContaining("marker=req-abort") }],
    });
    expect(await list(58, "?limit=1&marker=req-abort")).toMatchObject([{ action: "live-migration" }]);
    expect(await list(57, "?limit=1")).toHaveLength(2);
    expect(await list(58, "?changes-since=2999-01-01T00:00:00Z")).toEqual([]);
    expect(await list(66, "?changes-before=2001-01-01T00:00:00Z")).toEqual([]);
    const refused = async (query: string, minor: number) => (await api.nova("GET", `${path}?${query}`, minor)).status;
    expect(await refused("marker=req-none", 58)).toBe(400);
    expect(await refused("changes-before=2001-01-01T00:00:00Z", 65)).toBe(400);
    expect(await refused("changes-since=2002-01-01&changes-before=2001-01-01", 66)).toBe(400);
    expect(await refused("limit=some", 58)).toBe(400);
  });

  it("knows servers that never moved, and says of others that they are not there", async () => {
    expect(await api.nova("GET", `/servers/${S2}/os-instance-actions`, 84)).toMatchObject({
      status: 200,
      body: { instanceActions: [] },
    });
    expect((await api.nova("GET", `/servers/${S2}/os-instance-actions/req-none`, 84)).body).toMatchObject({
      itemNotFound: { message: "Action req-none not found" },
    });
    expect((await api.nova("GET", "/servers/nowhere/os-instance-actions", 84)).status).toBe(404);
  });
});
