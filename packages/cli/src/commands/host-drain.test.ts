import { expect, test } from "vitest";
import { runDrover } from "../testing/run-drover.ts";
import { sampleHost, sampleMigration, sampleServer } from "../testing/sample-views.ts";
import { refusal } from "../testing/scripted-api.ts";

const none = { body: { migrations: [] } };
const host = { body: { host: sampleHost({ maintenance: { reason: "drained", since: "2026-03-01T12:00:00.000Z" } }) } };

test("drain lets nobody come, and asks for a migration of each server that runs", async () => {
  const moving = { id: 9, uuid: "m9", status: "running", state: "running" } as const;
  const servers = [
    sampleServer({ uuid: "u1", name: "web-1" }),
    sampleServer({ uuid: "u2", name: "web-2", powerState: "paused" }),
    sampleServer({ uuid: "u3", name: "archive", powerState: "shutoff" }),
    sampleServer({ uuid: "u4", name: "db", migration: { ...moving } }),
  ];
  const started = { status: 202, body: { migration: sampleMigration({ id: 12 }) } };
  const script = {
    "PATCH /v1/hosts/host-1": host,
    "GET /v1/servers": { body: { servers } },
    "GET /v1/migrations": none,
    "POST /v1/servers/u1/migrations": started,
    "POST /v1/servers/u2/migrations": started,
  };
  const { code, out, requests } = await runDrover(script, "host", "drain", "host-1", "--priority", "5");
  expect(code).toBe(0);
  expect(requests[0]).toBe('PATCH /v1/hosts/host-1 {"maintenanceReason":"drained"}');
  expect(requests.slice(1, 3).sort()).toEqual([
    "GET /v1/migrations?host=host-1&active=true",
    "GET /v1/servers?host=host-1",
  ]);
  expect(requests.slice(3).map((request) => request.replace(/ \{.*"priority":5.*/, " at 5"))).toEqual([
    "POST /v1/servers/u1/migrations at 5",
    "POST /v1/servers/u2/migrations at 5",
  ]);
  expect(out.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["SERVER", "MIGRATION", "OUTCOME", "WHY"],
    ["web-1", "12", "asked", "-"],
    ["web-2", "12", "asked", "-"],
    ["archive", "-", "off", "-"],
    ["db", "9", "moving", "-"],
    [""],
  ]);
});

test("what is refused keeps no other from leaving, and tells by the exit code", async () => {
  const servers = [sampleServer({ uuid: "u1", name: "web-1" }), sampleServer({ uuid: "u2", name: "web-2" })];
  const script = {
    "PATCH /v1/hosts/host-1": host,
    "GET /v1/servers": { body: { servers } },
    "GET /v1/migrations": none,
    "POST /v1/servers/u1/migrations": refusal(409, "refused", "web-1 is locked"),
    "POST /v1/servers/u2/migrations": { status: 202, body: { migration: sampleMigration({ id: 12 }) } },
  };
  const { code, out } = await runDrover(script, "host", "drain", "host-1");
  expect(code).toBe(4);
  expect(out).toMatch(/web-1 +- +refused +web-1 is locked\n/);
  expect(out).toMatch(/web-2 +12 +asked/);
});

test("an API that cannot work ends it at once; an empty host is told as such", async () => {
  const away = refusal(503, "unavailable", "the broker is away");
  const servers = [sampleServer({ uuid: "u1" }), sampleServer({ uuid: "u2" })];
  const script = {
    "PATCH /v1/hosts/host-1": host,
    "GET /v1/servers": { body: { servers } },
    "GET /v1/migrations": none,
  };
  const failed = await runDrover({ ...script, "POST /v1/servers/u1/migrations": away }, "host", "drain", "host-1");
  expect(failed).toMatchObject({ code: 7, err: expect.stringContaining("the broker is away") });
  expect(failed.requests).toHaveLength(4);
  const empty = await runDrover({ ...script, "GET /v1/servers": { body: { servers: [] } } }, "host", "drain", "host-1");
  expect(empty).toMatchObject({ code: 0, out: "host-1 is empty, and no guest comes to it any more\n" });
});

test("what waits for a person does not leave, and what was on its way before still comes", async () => {
  const inError = { id: 9, uuid: "m9", status: "error", state: "error" } as const;
  const migration = sampleMigration({ id: 11, destinationHost: "host-1" });
  const script = {
    "PATCH /v1/hosts/host-1": host,
    "GET /v1/servers": { body: { servers: [sampleServer({ name: "db", migration: inError })] } },
    "GET /v1/migrations": { body: { migrations: [migration, sampleMigration({ destinationHost: "host-2" })] } },
  };
  const { code, out } = await runDrover(script, "host", "drain", "host-1");
  expect(code).toBe(4);
  expect(out).toMatch(/db +9 +refused +migration 9 is in error and waits for a person\n/);
  expect(out).toMatch(/\nbusy is on its way to it \(migration 11\)\n$/);
  const alone = { ...script, "GET /v1/servers": { body: { servers: [] } } };
  expect(await runDrover(alone, "host", "drain", "host-1")).toMatchObject({
    code: 0,
    out: "busy is on its way to it (migration 11)\n",
  });
});
