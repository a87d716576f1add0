import { expect, test } from "vitest";
import { runDrover } from "../testing/run-drover.ts";
import { sampleHost, sampleServer } from "../testing/sample-views.ts";

const group = {
  uuid: "g",
  name: "pair",
  policy: "anti-affinity",
  maxServersPerHost: 2,
  servers: [
    { uuid: "u1", name: "web-1", host: "host-1" },
    { uuid: "u2", name: null, host: null },
  ],
  createdAt: "2026-03-01T12:00:00.000Z",
};
const aggregate = {
  id: 1,
  name: "rack-1",
  availabilityZone: "az1",
  metadata: { ssd: "true" },
  hosts: ["host-1", "host-2"],
  createdAt: "2026-03-01T12:00:00.000Z",
};

test("server groups are made, changed, listed and deleted", async () => {
  const script = {
    "GET /v1/server-groups": { body: { groups: [group] } },
    "POST /v1/server-groups": { status: 201, body: { group } },
    "PATCH /v1/server-groups/pair": { body: { group } },
    "DELETE /v1/server-groups/pair": { body: { deleted: "pair" } },
  };
  const sent = async (...words: readonly string[]) => (await runDrover(script, "server-group", ...words)).requests;
  expect((await runDrover(script, "server-group", "list")).out).toBe(
    [
      "GROUP   POLICY                      SERVERS\n",
      "pair    anti-affinity, 2 per host   web-1 (host-1), u2 (no host has it)\n",
    ].join(""),
  );
  expect(await sent("create", "pair", "--policy", "anti-affinity", "--server", "web-1", "--server", "web-2")).toEqual([
    'POST /v1/server-groups {"name":"pair","policy":"anti-affinity","maxServersPerHost":1,"servers":["web-1","web-2"]}',
  ]);
  expect(await sent("set", "pair", "--add", "web-3")).toEqual([
    'PATCH /v1/server-groups/pair {"addServers":["web-3"],"removeServers":[]}',
  ]);
  expect(await runDrover(script, "server-group", "delete", "pair")).toMatchObject({
    code: 0,
    out: "pair is deleted\n",
  });
  for (const wrong of [
    ["create", "pair"],
    ["create", "pair", "--policy", "near"],
    ["set", "pair"],
  ]) {
    expect(await runDrover(script, "server-group", ...wrong)).toMatchObject({ code: 2, requests: [] });
  }
});

test("aggregates are made, changed, listed and deleted", async () => {
  const script = {
    "GET /v1/aggregates": { body: { aggregates: [aggregate] } },
    "POST /v1/aggregates": { status: 201, body: { aggregate } },
    "PATCH /v1/aggregates/rack-1": { body: { aggregate } },
    "DELETE /v1/aggregates/rack-1": { body: { deleted: "rack-1" } },
  };
  const sent = async (...words: readonly string[]) => (await runDrover(script, "aggregate", ...words)).requests;
  expect((await runDrover(script, "aggregate", "list")).out).toBe(
    ["AGGREGATE   ZONE   HOSTS            METADATA\n", "rack-1      az1    host-1, host-2   ssd=true\n"].join(""),
  );
  expect(await sent("create", "rack-1", "--zone", "az1", "--host", "host-1", "--metadata", "ssd=true")).toEqual([
    'POST /v1/aggregates {"name":"rack-1","availabilityZone":"az1","metadata":{"ssd":"true"},"hosts":["host-1"]}',
  ]);
  expect(await sent("set", "rack-1", "--without-zone", "--remove-host", "host-2")).toEqual([
    'PATCH /v1/aggregates/rack-1 {"availabilityZone":null,"addHosts":[],"removeHosts":["host-2"]}',
  ]);
  expect(await runDrover(script, "aggregate", "delete", "rack-1")).toMatchObject({
    code: 0,
    out: "rack-1 is deleted\n",
  });
  for (const wrong of [["set", "rack-1"], ["set", "rack-1", "--metadata", "ssd"], ["create"]]) {
    expect(await runDrover(script, "aggregate", ...wrong)).toMatchObject({ code: 2, requests: [] });
  }
});

test("a server is held to a zone, and let go again", async () => {
  const script = { "PATCH /v1/servers/busy": { body: { server: sampleServer({ availabilityZone: "az1" }) } } };
  const held = await runDrover(script, "server", "zone", "busy", "--to", "az1");
  expect(held.requests).toEqual(['PATCH /v1/servers/busy {"availabilityZone":"az1"}']);
  expect(held.out).toMatch(/^zone: +az1$/m);
  const free = await runDrover(script, "server", "zone", "busy", "--any");
  expect(free.requests).toEqual(['PATCH /v1/servers/busy {"availabilityZone":null}']);
  expect(await runDrover(script, "server", "zone", "busy")).toMatchObject({ code: 2, requests: [] });
});

test("maintenance begins with a reason and ends", async () => {
  const path = "PATCH /v1/hosts/host-1";
  const maintenance = { reason: "new fan", since: "2026-03-01T12:00:00.000Z" };
  const script = { [path]: { body: { host: sampleHost({ maintenance, aggregates: ["rack-1"] }) } } };
  const begun = await runDrover(script, "host", "maintenance", "host-1", "--reason", "new fan");
  expect(begun.requests).toEqual([`${path} {"maintenanceReason":"new fan"}`]);
  expect(begun.out).toMatch(/host-1 +up +no: maintenance: new fan +nova +rack-1/);
  const ended = await runDrover(script, "host", "maintenance", "host-1", "--end");
  expect(ended.requests).toEqual([`${path} {"maintenanceReason":null}`]);
  expect(await runDrover(script, "host", "maintenance", "host-1")).toMatchObject({ code: 2, requests: [] });
});

test("servers are locked and unlocked, and hosts forced down", async () => {
  const lock = { reason: "audit", lockedBy: "olga", lockedAt: "2026-03-01T12:00:00.000Z" };
  const script = {
    "PATCH /v1/servers/busy": { body: { server: sampleServer({ lock }) } },
    "PATCH /v1/hosts/host-1": { body: { host: sampleHost({ state: "down", forcedDown: true }) } },
  };
  const locked = await runDrover(script, "server", "lock", "busy", "--reason", "audit");
  expect(locked.requests).toEqual(['PATCH /v1/servers/busy {"locked":true,"lockedReason":"audit"}']);
  expect(locked.out).toContain("by olga since 2026-03-01T12:00:00.000Z: audit");
  const { requests } = await runDrover(script, "server", "unlock", "busy");
  expect(requests).toEqual(['PATCH /v1/servers/busy {"locked":false}']);
  const forced = await runDrover(script, "host", "force-down", "host-1");
  expect(forced.requests).toEqual(['PATCH /v1/hosts/host-1 {"forcedDown":true}']);
  expect(forced.out).toContain("down (forced)");
  expect((await runDrover(script, "host", "force-down", "host-1", "--end")).requests).toEqual([
    'PATCH /v1/hosts/host-1 {"forcedDown":false}',
  ]);
});
