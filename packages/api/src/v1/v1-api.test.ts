import { S1, S2, sampleGuest, sampleSnapshot } from "@drover/fleet/testing";
import { DroverError } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

describe("/v1/hosts", () => {
  it("lists hosts with their facts", async () => {
    const { status, body } = await api.v1("GET", "/hosts");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      hosts: [
        { name: "hosta", state: "up", enabled: true, servers: 3, facts: { cpuModel: "EPYC", memoryKiB: 16_777_216 } },
        { name: "hostb", servers: 0 },
      ],
    });
  });
});

describe("PATCH /v1/hosts/:host", () => {
  it("sets what an operator says, and answers with the host", async () => {
    const settings = { enabled: false, disabledReason: "new fan", maxOutgoingMigrations: null };
    const { status, body } = await api.v1("PATCH", "/hosts/hostb", settings);
    expect(status).toBe(200);
    expect(body).toMatchObject({ host: { name: "hostb", enabled: false, maxIncomingMigrations: null } });
    expect(api.calls).toMatchObject([{ request: { host: "hostb", settings, requestedBy: "admin" } }]);
  });

  it("refuses what it does not know", async () => {
    expect((await api.v1("PATCH", "/hosts/hostb", { enable: false })).status).toBe(400);
    expect((await api.v1("PATCH", "/hosts/hostb", { maxIncomingMigrations: -1 })).status).toBe(400);
    expect(api.calls).toEqual([]);
  });
});

describe("POST /v1/migrations/:migration/priority", () => {
  it("asks the conductor, and refuses what is no priority", async () => {
    const { uuid } = await api.fleet.queued(S1);
    expect(await api.v1("POST", `/migrations/${uuid}/priority`, { priority: -7 })).toMatchObject({ status: 202 });
    expect(api.calls).toMatchObject([{ request: { migrationUuid: uuid, priority: -7, requestedBy: "admin" } }]);
    for (const wrong of [{ priority: 101 }, {}, undefined, { priority: 1, now: true }]) {
      expect((await api.v1("POST", `/migrations/${uuid}/priority`, wrong)).status).toBe(400);
    }
  });
});

describe("migration-preflight", () => {
  it("asks the conductor about a server, and about a host", async () => {
    const report = await api.v1("GET", "/servers/vm1/migration-preflight?host=hostb");
    expect(report).toMatchObject({ status: 200, body: { canMove: true, chosenHost: "hostb" } });
    await api.v1("GET", "/servers/vm1/migration-preflight");
    expect(await api.v1("GET", "/hosts/hosta/migration-preflight")).toMatchObject({
      status: 200,
      body: { host: "hosta" },
    });
    expect(api.calls.map(({ method, request }) => [method, request])).toEqual([
      ["migration_preflight", { server: "vm1", host: "hostb" }],
      ["migration_preflight", { server: "vm1", host: null }],
      ["host_migration_preflight", { host: "hosta" }],
    ]);
  });

  it("refuses a query that it does not know, and passes a refusal on", async () => {
    expect((await api.v1("GET", "/servers/vm1/migration-preflight?hosts=hostb")).status).toBe(400);
    api.refuseNext(new DroverError("not-found", "there is no host hostc"));
    expect((await api.v1("GET", "/hosts/hostc/migration-preflight")).status).toBe(404);
  });
});

describe("/v1/servers", () => {
  it("lists and filters", async () => {
    const { body } = await api.v1("GET", "/servers?name=vm[12]&host=hosta");
    expect(body).toMatchObject({ servers: [{ name: "vm1", uuid: S1, migration: null }, { name: "vm2" }] });
  });

  it("finds one by uuid or name, with its migration", async () => {
    const { id, uuid } = await api.fleet.queued(S1);
    for (const reference of [S1, "vm1"]) {
      const { body } = await api.v1("GET", `/servers/${reference}`);
      expect(body).toMatchObject({ server: { uuid: S1, migration: { id, uuid, status: "queued" } } });
    }
  });

  it("refuses an ambiguous name with the uuids", async () => {
    const twin = "44444444-4444-4444-8444-444444444444";
    await api.store.guests.replaceSightings("hostb", [sampleGuest(twin, "vm1")]);
    expect(await api.v1("GET", "/servers/vm1")).toMatchObject({
      status: 400,
      body: { error: { code: "bad-request", details: { uuids: [S1, twin] } } },
    });
  });

  it("starts a migration and answers with its record", async () => {
    const { status, body } = await api.v1("POST", "/servers/vm1/migrations", { host: "hostb", priority: 7 });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      migration: {
        id: 1,
        state: "queued",
        status: "queued",
        server: { uuid: S1, name: "vm1" },
        sourceHost: "hosta",
        requestedHost: "hostb",
        priority: 0,
        queue: { position: 1, length: 1 },
        progress: null,
      },
    });
    expect(api.calls).toMatchObject([{ request: { host: "hostb", blockMigration: null, priority: 7 } }]);
  });

  it("needs no body for that", async () => {
    expect((await api.v1("POST", `/servers/${S2}/migrations`)).status).toBe(202);
    expect(api.calls).toMatchObject([{ request: { serverUuid: S2, host: null, blockMigration: null } }]);
  });

  it.each([
    ["refused", 409],
    ["no-eligible-host", 507],
    ["pre-check-failed", 400],
    ["unavailable", 503],
    ["deadline-exceeded", 504],
    ["libvirt", 502],
  ] as const)("passes the conductor's %s on as %d with code, message and details", async (code, status) => {
    api.refuseNext(new DroverError(code, "why it was refused", { details: { host: "hostb" } }));
    expect(await api.v1("POST", "/servers/vm1/migrations", {})).toMatchObject({
      status,
      body: {
        error: {
          code,
          message: "why it was refused",
          details: { host: "hostb" },
          requestId: expect.stringMatching(/^req-/),
        },
      },
    });
  });

  it("says that nobody serves when the conductor is away", async () => {
    const away = await openApiFixture();
    await away.bus.close();
    expect(await away.v1("POST", "/servers/vm1/migrations", {})).toMatchObject({ status: 503 });
    expect((await away.v1("GET", "/servers")).status).toBe(200);
    await away.close();
  });
});

describe("/v1/migrations", () => {
  it("shows one by number or uuid, with its log and progress", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    await api.progress.publish("hosta", [sampleSnapshot(uuid)]);
    for (const reference of [id, uuid]) {
      expect((await api.v1("GET", `/migrations/${reference}`)).body).toMatchObject({
        migration: { id, state: "running", progress: { memoryRemainingBytes: 400, source: "cache", stale: false } },
        log: [{ event: "queued", state: "queued", message: "asked for by admin" }],
      });
    }
  });

  it("shows the store's numbers, marked stale, when the cache is away", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    await api.store.progress.flush([{ snapshot: sampleSnapshot(uuid), ageMs: 0 }]);
    await api.progress.close();
    expect((await api.v1("GET", `/migrations/${id}`)).body).toMatchObject({
      migration: { progress: { source: "store", stale: true } },
    });
    expect((await api.nova("GET", `/servers/${S1}/migrations`, 80)).body).toMatchObject({
      migrations: [{ memory_total_bytes: 1000 }],
    });
  });

  it("shows how a copy went: from the cache, from the archive, and what is missing", async () => {
    const migration = await api.fleet.running(S1);
    const { uuid } = migration;
    const history = async () => (await api.v1("GET", `/migrations/${uuid}/progress-history`)).body;
    expect(await history()).toEqual({
      migrationUuid: uuid,
      source: "none",
      missing: "its copy has not begun",
      points: [],
    });
    await api.progress.publish("hosta", [sampleSnapshot(uuid, { observedAtMs: 1, memoryRemainingBytes: 700 })]);
    await api.progress.publish("hosta", [sampleSnapshot(uuid, { sequence: 2, observedAtMs: 2 })]);
    const points = [
      { observedAtMs: 1, memoryRemainingBytes: 700 },
      { observedAtMs: 2, memoryRemainingBytes: 400 },
    ];
    expect(await history()).toMatchObject({ source: "cache", missing: null, points });
    const finalProgress = sampleSnapshot(uuid, { sequence: 3, observedAtMs: 3, phase: "completed" });
    const undone = await api.fleet.move(migration, { state: "rolling-back" });
    await api.fleet.move(undone, { state: "failed", finalProgress });
    expect(await history()).toMatchObject({ source: "cache", points: [...points, { phase: "completed" }] });
    await api.store.histories.archive(new Map([[uuid, []]]));
    expect(await history()).toMatchObject({
      source: "archive",
      missing: "the progress cache had no history of it when it ended",
      points: [{ observedAtMs: 3, phase: "completed" }],
    });
    expect((await api.v1("GET", "/migrations/4711/progress-history")).status).toBe(404);
    await api.progress.close();
    const { uuid: other } = await api.fleet.running(S2);
    expect((await api.v1("GET", `/migrations/${other}/progress-history`)).body).toMatchObject({
      ...{ source: "none", missing: "the progress cache is away" },
    });
  });

  it("filters by server, status, host and whether it is over", async () => {
    const running = await api.fleet.running(S1);
    const queued = await api.fleet.queued(S2);
    const cancelled = await api.fleet.move(queued, { state: "cancelled", reason: "on request" });
    const ids = async (query: string) =>
      ((await api.v1("GET", `/migrations${query}`)).body as { migrations: { id: number }[] }).migrations.map(
        (migration) => migration.id,
      );
    expect(await ids("")).toEqual([cancelled.id, running.id]);
    expect(await ids("?server=vm1")).toEqual([running.id]);
    expect(await ids(`?server=${S2}`)).toEqual([cancelled.id]);
    expect(await ids("?status=running")).toEqual([running.id]);
    expect(await ids("?active=true")).toEqual([running.id]);
    expect(await ids("?active=false")).toEqual([cancelled.id]);
    expect(await ids("?active=true&status=cancelled")).toEqual([]);
    expect(await ids("?host=hostb")).toEqual([running.id]);
    expect(await ids("?limit=1")).toEqual([cancelled.id]);
    expect(await ids(`?limit=1&marker=${cancelled.id}`)).toEqual([running.id]);
  });

  it.each([
    ["GET", "/migrations?status=nosuch", 400, /status: nosuch is none of queued/],
    ["GET", "/migrations?nosuch=1", 400, /nosuch/],
    ["GET", "/migrations?limit=0", 400, /limit.*must be a whole number from 1 to 1000/],
    ["GET", "/migrations?limit=1001", 400, /limit.*must be a whole number from 1 to 1000/],
    ["GET", "/migrations?limit=2.5", 400, /limit.*must be a whole number from 1 to 1000/],
    ["GET", "/migrations?limit=many", 400, /limit.*must be a whole number from 1 to 1000/],
    ["GET", "/migrations?server=nope", 404, /no server nope/],
    ["GET", "/migrations/99", 404, /no migration 99/],
    ["GET", "/nothing", 404, /no GET \/v1\/nothing/],
    ["POST", "/migrations/99/abort", 404, /no migration 99/],
  ] as const)("answers %s %s with %d", async (method, path, status, message) => {
    const answer = await api.v1(method, path);
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringMatching(message) } } });
  });

  it("names every field that does not fit", async () => {
    const { status, body } = await api.v1("POST", "/servers/vm1/migrations", { host: "no/slash", hots: "x" });
    expect(status).toBe(400);
    expect(body).toMatchObject({
      error: { code: "bad-request", message: expect.stringMatching(/body\/host: must be a host name.*hots/) },
    });
  });

  it("hands a valid traceparent on with the call, and drops what is none", async () => {
    const { id } = await api.fleet.running(S1);
    const abort = (traceparent: string) =>
      api.inject({ method: "POST", url: `/v1/migrations/${id}/abort`, headers: { traceparent } });
    const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await abort(valid);
    for (const invalid of [
      valid.toUpperCase(),
      valid.replace("00-", "ff-"),
      valid.replace(/-b[^-]+/, `-${"0".repeat(16)}`),
    ])
      await abort(invalid);
    expect(api.calls.map(({ context }) => context.traceparent)).toEqual([valid, undefined, undefined, undefined]);
    expect(api.calls[0]?.context.requestId).toMatch(/^req-/);
  });

  it("asks the conductor to hurry or to call off", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    const accepted = { status: 202, body: { answer: "accepted" } };
    expect(await api.v1("POST", `/migrations/${id}/force-complete`)).toMatchObject(accepted);
    expect(await api.v1("POST", `/migrations/${uuid}/abort`, {})).toMatchObject(accepted);
    expect(api.calls.map((call) => call.method)).toEqual(["live_migration_force_complete", "live_migration_abort"]);
  });
});

describe("requests from elsewhere", () => {
  it.each([
    [{ host: "evil.example.org" }, "/v1/hosts"],
    [{ host: "evil.example.org" }, "/v2.1/servers"],
    [{ host: "localhost", origin: "http://evil.example.org" }, "/v1/hosts"],
  ])("refuses %j on %s", async (headers, url) => {
    const response = await api.inject({ url, headers });
    expect(response.statusCode).toBe(403);
    expect(Object.keys(response.json())).toEqual([url.startsWith("/v1/") ? "error" : "forbidden"]);
  });

  it("answers malformed and large bodies in Drover's form", async () => {
    const post = (payload: string) =>
      api.inject({
        method: "POST",
        url: "/v1/servers/vm1/migrations",
        payload,
        headers: { "content-type": "application/json" },
      });
    expect((await post("{")).json()).toMatchObject({ error: { code: "bad-request" } });
    const large = await post(JSON.stringify({ x: "x".repeat(70_000) }));
    expect(large.statusCode).toBe(413);
    expect(large.json()).toMatchObject({ error: { code: "bad-request" } });
  });
});

it("answers paths that cannot be decoded, or name nothing, or are very long", async () => {
  for (const [url, status, form] of [
    ["/v1/servers/%zz", 400, "error"],
    ["/v2.1/servers/%zz", 400, "badRequest"],
    ["/nothing", 404, "error"],
    [`/v1/servers/${"x".repeat(400)}`, 414, "error"],
    [`/v2.1/servers/${"x".repeat(400)}`, 414, "computeFault"],
  ] as const) {
    const response = await api.inject({ url });
    expect([url, response.statusCode, Object.keys(response.json())]).toEqual([url, status, [form]]);
  }
});
