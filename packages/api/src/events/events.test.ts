import { createConnection } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { S1, S2, sampleSnapshot } from "@drover/fleet/testing";
import type { Migration } from "@drover/model";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";
import { readEvents as readAny } from "./event-reader.test.support.ts";

let api: ApiFixture;
let url: string;
beforeEach(async () => {
  api = await openApiFixture();
  url = `${await api.app.listen({ host: "127.0.0.1", port: 0 })}/v1`;
});
afterEach(() => api.close());

const token = () => ({ "x-auth-token": api.tokens.reader });
const readEvents = (from: string, headers: Record<string, string> = {}) => readAny(from, { ...token(), ...headers });

/** Adds a line to its log, and says so as a conductor does. */
async function note(migration: Migration, event: string, message = ""): Promise<void> {
  await api.store.migrations.appendLog(migration.uuid, migration.state, { event, message });
  await api.progress.announceChange();
}

async function end(migration: Migration): Promise<Migration> {
  const over = { state: "cancelled", reason: "called off" } as const;
  const ended = await api.store.migrations.update(migration.uuid, migration, over, { event: "cancel", message: "" });
  await api.progress.announceChange();
  return ended;
}

it("begins with how a migration stands, and goes on with what happens to it", async () => {
  const migration = await api.fleet.running(S1);
  await using reader = await readEvents(`${url}/migrations/${migration.id}/events`);
  expect(reader.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(await reader.until("snapshot", 1)).toMatchObject([
    { id: "1", data: { migration: { uuid: migration.uuid, state: "running" }, log: [{ event: "queued" }] } },
  ]);
  await note(await api.fleet.running(S2), "of another");
  await note(migration, "started", "libvirt copies");
  expect(await reader.until("change", 1)).toMatchObject([
    {
      id: "4",
      data: { id: 4, event: "started", state: "running", message: "libvirt copies", migration: { id: migration.id } },
    },
  ]);
});

it("tells the numbers of its migration as they come, without an id", async () => {
  const migration = await api.fleet.running(S1);
  await using reader = await readEvents(`${url}/migrations/${migration.uuid}/events`);
  await reader.until("snapshot", 1);
  await api.progress.publish("hosta", [sampleSnapshot(crypto.randomUUID()), sampleSnapshot(migration.uuid)]);
  const [progress] = await reader.until("progress", 1);
  expect(progress).toMatchObject({
    id: undefined,
    data: { progress: [{ migrationUuid: migration.uuid, memoryRemainingBytes: 400, source: "cache", stale: false }] },
  });
});

it("goes on after Last-Event-ID, with every change once and in order", async () => {
  const migration = await api.fleet.running(S1);
  const other = await api.fleet.running(S2);
  for (const event of ["a", "b", "c"]) await note(migration, event);
  await note(other, "d");
  await using one = await readEvents(`${url}/migrations/${migration.id}/events`, { "last-event-id": "3" });
  await using all = await readEvents(`${url}/events`, { "last-event-id": "3" });
  await using queried = await readEvents(`${url}/events?lastEventId=3`);
  await all.until("change", 3);
  for (const event of ["e", "f"]) await note(migration, event);
  const words = async (reader: typeof one, count: number) =>
    (await reader.until("change", count)).map(({ data }) => data.event);
  expect(await words(one, 4)).toEqual(["b", "c", "e", "f"]);
  expect(await words(all, 5)).toEqual(["b", "c", "d", "e", "f"]);
  expect(await words(queried, 5)).toEqual(["b", "c", "d", "e", "f"]);
  expect(one.heard.filter(({ event }) => event === "snapshot")).toEqual([]);
});

it("loses and doubles nothing while readers come in the middle of many changes", async () => {
  const migration = await api.fleet.running(S1);
  const lines = 400;
  let written = 0;
  const noted = (async () => {
    for (let n = 1; n <= lines; n++) {
      await note(migration, `line ${n}`);
      written = n;
      await nextTurn();
    }
  })();
  const readers = [];
  for (let n = 0; n < 10; n++) {
    await vi.waitFor(() => expect(written).toBeGreaterThanOrEqual(10 * n), { timeout: 30_000, interval: 1 });
    readers.push(
      await readEvents(`${url}${n % 2 === 0 ? "" : `/migrations/${migration.id}`}/events?lastEventId=${10 * n}`),
    );
  }
  await noted;
  for (const [n, reader] of readers.entries()) {
    const after = Math.max(10 * n, 0);
    const heard = await reader.until("change", lines + 1 - after);
    expect(heard.map(({ id }) => Number(id))).toEqual(
      Array.from({ length: lines + 1 - after }, (_, at) => after + 1 + at),
    );
    await reader[Symbol.asyncDispose]();
  }
});

it("tells of all: those in progress first, numbers only to who asked for them", async () => {
  const migration = await api.fleet.running(S1);
  await end(await api.fleet.queued(S2));
  await using quiet = await readEvents(`${url}/events`);
  await using reader = await readEvents(`${url}/events?progress=true`);
  expect(await quiet.until("snapshot", 1)).toMatchObject([
    { id: "3", data: { migrations: [{ uuid: migration.uuid, state: "running" }], missed: false } },
  ]);
  await reader.until("snapshot", 1);
  await api.progress.publish("hosta", [sampleSnapshot(migration.uuid, { sequence: 1 })]);
  await api.progress.publish("hosta", [sampleSnapshot(migration.uuid, { sequence: 2 })]);
  const [progress] = await reader.until("progress", 1);
  expect(progress?.data.progress).toMatchObject([{ sequence: 2 }]);
  expect(quiet.heard.map(({ event }) => event)).toEqual(["snapshot"]);
});

it("ends when the migration is over, and answers 204 to who comes again for more", async () => {
  const migration = await api.fleet.running(S1);
  await using reader = await readEvents(`${url}/migrations/${migration.id}/events`);
  await reader.until("snapshot", 1);
  await end(migration);
  await reader.ended;
  expect(reader.heard.at(-1)).toMatchObject({ event: "change", id: "2", data: { state: "cancelled", message: "" } });
  const again = await fetch(`${url}/migrations/${migration.id}/events`, {
    headers: { ...token(), "last-event-id": "2" },
  });
  expect(again.status).toBe(204);
  await using late = await readEvents(`${url}/migrations/${migration.id}/events`);
  await late.ended;
  expect(late.heard).toMatchObject([{ event: "snapshot", data: { migration: { reason: "called off" } } }]);
});

it("begins anew, and says so, with an id that the log does not have", async () => {
  const migration = await api.fleet.running(S1);
  await using all = await readEvents(`${url}/events`, { "last-event-id": "4711" });
  expect(await all.until("snapshot", 1)).toMatchObject([{ id: "1", data: { missed: true } }]);
  await using one = await readEvents(`${url}/migrations/${migration.id}/events`, { "last-event-id": "4711" });
  expect(await one.until("snapshot", 1)).toMatchObject([{ id: "1" }]);
});

it("goes on for a reader that another API has told more than this one has heard", async () => {
  const migration = await api.fleet.running(S1);
  await using first = await readEvents(`${url}/events`);
  await first.until("snapshot", 1);
  // Not announced: nobody here has read it yet.
  await api.store.migrations.appendLog(migration.uuid, migration.state, { event: "told elsewhere", message: "" });
  await using all = await readEvents(`${url}/events`, { "last-event-id": "2" });
  await using one = await readEvents(`${url}/migrations/${migration.id}/events`, { "last-event-id": "2" });
  await note(migration, "next");
  for (const reader of [all, one]) {
    await reader.until("change", 1);
    expect(reader.heard.map(({ event, id }) => [event, id])).toEqual([["change", "3"]]);
  }
});

it("refuses an id that is none, an unknown migration, and one reader too many", async () => {
  const refused = async (path: string, headers = {}) => {
    const response = await fetch(`${url}${path}`, { headers: { ...token(), ...headers } });
    return [response.status, ((await response.json()) as { error: { message: string } }).error.message];
  };
  expect(await refused("/events", { "last-event-id": "x" })).toEqual([
    400,
    expect.stringContaining("Last-Event-ID: must"),
  ]);
  expect(await refused("/migrations/9/events")).toEqual([404, "there is no migration 9"]);
  await api.close();
  api = await openApiFixture({ max_event_streams: 1 });
  url = `${await api.app.listen({ host: "127.0.0.1", port: 0 })}/v1`;
  const first = await readEvents(`${url}/events`);
  expect(await refused("/events")).toEqual([503, expect.stringContaining("api.max_event_streams")]);
  await first[Symbol.asyncDispose]();
  await vi.waitFor(async () => {
    await using next = await readEvents(`${url}/events`);
    expect(next.status).toBe(200);
  });
});

it("cuts a reader that leaves too much unread, and goes on for the others", async () => {
  const migration = await api.fleet.running(S1);
  const slow = createConnection(Number(new URL(url).port), "127.0.0.1");
  slow.on("error", () => undefined);
  const closed = new Promise((resolve) => slow.once("close", resolve));
  slow.write(`GET /v1/events HTTP/1.1\r\nhost: ${new URL(url).host}\r\nx-auth-token: ${api.tokens.reader}\r\n\r\n`);
  await new Promise((resolve) => slow.once("data", resolve));
  slow.pause();
  await using quick = await readEvents(`${url}/events`);
  await quick.until("snapshot", 1);
  // More than the sockets' own buffers and the stream's take.
  const message = "x".repeat(15_000);
  for (let n = 1; n <= 600; n++) {
    await note(migration, `line ${n}`, message);
    if (n % 20 === 0) await quick.until("change", n);
  }
  slow.resume();
  await closed;
});

it("ends all streams in order when the API stops", async () => {
  await api.fleet.running(S1);
  const reader = await readEvents(`${url}/events`);
  await reader.until("snapshot", 1);
  const stopped = api.app.close();
  await reader.ended;
  await stopped;
});
