import { S1, S2, S3, sampleGuest, sampleSnapshot } from "@drover/fleet/testing";
import { DroverError } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

function names(body: unknown): unknown {
  return (body as { servers: { name: string }[] }).servers.map((server) => server.name);
}

describe("GET /servers", () => {
  it("lists id, name and links", async () => {
    const { body } = await api.nova("GET", "/servers", 80);
    expect(names(body)).toEqual(["vm1", "vm2", "vm3"]);
    expect((body as { servers: object[] }).servers[0]).toEqual({
      id: S1,
      name: "vm1",
      links: [
        { rel: "self", href: `http://localhost:80/v2.1/servers/${S1}` },
        { rel: "bookmark", href: `http://localhost:80/servers/${S1}` },
      ],
    });
  });

  it.each([
    ["name=vm1", ["vm1"]],
    ["name=%5Evm%5B12%5D%24", ["vm1", "vm2"]],
    ["name=nope", []],
    ["host=hostb", []],
    ["host=hosta&status=shutoff", ["vm3"]],
    ["status=ACTIVE&status=SHUTOFF&all_tenants=1&unknown=x", ["vm1", "vm2", "vm3"]],
    ["vm_state=stopped", ["vm3"]],
    [`uuid=${S2}`, ["vm2"]],
    [`marker=${S1}`, ["vm2", "vm3"]],
    // The last of a page that the filter does not find any more.
    [`status=shutoff&marker=${S1}`, ["vm3"]],
    [`status=ACTIVE&marker=${S3}`, []],
    [`status=ACTIVE&sort_key=display_name&sort_dir=desc&marker=${S3}`, ["vm2", "vm1"]],
  ])("filters by ?%s", async (query, expected) => {
    expect(names((await api.nova("GET", `/servers?${query}`, 80)).body)).toEqual(expected);
    expect(names((await api.nova("GET", `/servers/detail?${query}`, 80)).body)).toEqual(expected);
  });

  it("pages by limit and marker, with a link to the next page", async () => {
    const { body } = await api.nova("GET", "/servers?limit=1&name=vm", 80);
    expect(body).toMatchObject({
      servers: [{ name: "vm1" }],
      servers_links: [{ rel: "next", href: `http://localhost/v2.1/servers?limit=1&name=vm&marker=${S1}` }],
    });
    expect(await api.nova("GET", "/servers?marker=nope", 80)).toMatchObject({
      status: 400,
      body: { badRequest: { message: "marker [nope] not found" } },
    });
  });

  it.each(["name=%28", `name=${"a".repeat(300)}%2B`, "limit=-1"])("refuses ?%s with 400", async (query) => {
    expect((await api.nova("GET", `/servers?${query}`, 80)).status).toBe(400);
  });

  it("gives up on a pattern that would take for ever", async () => {
    await api.store.guests.replaceSightings("hostb", [
      sampleGuest("99999999-9999-4999-8999-999999999999", "a".repeat(60)),
    ]);
    expect((await api.nova("GET", `/servers?name=${encodeURIComponent("(a+)+b$")}`, 80)).status).toBe(400);
  });
});

describe("GET /servers/{id}", () => {
  it("answers 404 in Nova's words, for names too", async () => {
    for (const id of ["nope", "vm1", "99999999-9999-4999-8999-999999999999"]) {
      expect(await api.nova("GET", `/servers/${id}`, 80)).toMatchObject({
        status: 404,
        body: { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } },
      });
    }
  });

  it("shows every field that a client needs at 2.80", async () => {
    const { body } = await api.nova("GET", `/servers/${S1}`, 80);
    expect(body).toMatchObject({
      server: {
        id: S1,
        name: "vm1",
        status: "ACTIVE",
        tenant_id: "admin",
        metadata: {},
        image: "",
        addresses: {},
        flavor: { original_name: "1c-512m", vcpus: 1, ram: 512, extra_specs: {} },
        "OS-EXT-SRV-ATTR:host": "hosta",
        "OS-EXT-STS:task_state": null,
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:power_state": 1,
        host_status: "UP",
        progress: 0,
        server_groups: [],
      },
    });
  });

  it("has the older form of flavor, and fewer fields, at 2.1", async () => {
    const { server } = (await api.nova("GET", `/servers/${S1}`, 1)).body as { server: object };
    expect(server).toMatchObject({ flavor: { id: "1c-512m" } });
    for (const later of ["host_status", "locked", "tags", "description", "server_groups"]) {
      expect(server).not.toHaveProperty(later);
    }
    expect((await api.nova("GET", "/flavors/1c-512m", 1)).body).toMatchObject({ flavor: { ram: 512, vcpus: 1 } });
    expect((await api.nova("GET", "/flavors/m1.tiny", 1)).status).toBe(404);
    const larger = sampleGuest(crypto.randomUUID(), "large", { vcpus: 2 });
    await api.store.guests.replaceSightings("hostb", [larger]);
    const page = (query: string) => api.nova("GET", `/flavors${query}`, 80);
    expect((await page("/detail?limit=1")).body).toMatchObject({
      flavors: [{ id: "1c-512m" }],
      flavors_links: [{ rel: "next", href: "http://localhost/v2.1/flavors/detail?limit=1&marker=1c-512m" }],
    });
    expect((await page("?limit=1&marker=1c-512m")).body).toEqual({
      flavors: [expect.objectContaining({ id: "2c-512m" })],
    });
    expect((await page("?marker=nope")).status).toBe(400);
  });

  it("is MIGRATING with the copy's percentage while it migrates, from the first moment", async () => {
    const migration = await api.fleet.queued(S1);
    expect((await api.nova("GET", `/servers/${S1}`, 80)).body).toMatchObject({
      server: { status: "MIGRATING", "OS-EXT-STS:task_state": "migrating", progress: 0 },
    });
    await api.progress.publish("hosta", [sampleSnapshot(migration.uuid)]);
    const { body } = await api.nova("GET", "/servers/detail?status=migrating", 80);
    expect(body).toMatchObject({ servers: [{ id: S1, progress: 60 }] });
  });

  it("shows paused, shut-off, doubly running guests and those whose migration needs a person", async () => {
    const change = { powerState: "paused" } as const;
    await api.store.guests.replaceSightings("hosta", [
      sampleGuest(S1, "vm1"),
      sampleGuest(S2, "vm2", change),
      sampleGuest(S3, "vm3"),
    ]);
    await api.store.guests.replaceSightings("hostb", [sampleGuest(S1, "vm1")]);
    const running = await api.fleet.running(S3);
    await api.fleet.move(running, { state: "error", reason: "found nowhere: start it from its disk" });
    const { body } = await api.nova("GET", "/servers/detail", 80);
    expect(body).toMatchObject({
      servers: [
        { status: "ERROR", fault: { message: "runs on several hosts at once: hosta, hostb" } },
        { status: "PAUSED", "OS-EXT-STS:power_state": 3 },
        { status: "ERROR", fault: { message: "found nowhere: start it from its disk" } },
      ],
    });
  });

  it("does not lose a server between the report of the source and that of the destination", async () => {
    const running = await api.fleet.running(S1);
    await api.fleet.move(running, { state: "post-migrating", outcome: "arrived" });
    await api.store.guests.replaceSightings("hosta", []);
    expect((await api.nova("GET", `/servers/${S1}`, 80)).body).toMatchObject({
      server: { name: "vm1", status: "MIGRATING", "OS-EXT-SRV-ATTR:host": "hostb" },
    });
  });
});

describe("the queries of /servers", () => {
  const names = async (query: string, minor = 80) => {
    const { status, body } = await api.nova("GET", `/servers/detail?${query}`, minor);
    return status === 200 ? (body as { servers: { name: string }[] }).servers.map(({ name }) => name) : status;
  };

  it.each([
    ["sort_key=display_name&sort_dir=asc", ["vm1", "vm2", "vm3"]],
    ["sort_key=display_name", ["vm3", "vm2", "vm1"]],
    ["sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc", ["vm3", "vm1", "vm2"]],
    ["sort_key=created_at", ["vm1", "vm2", "vm3"]],
    ["sort_key=secret", 400],
    ["sort_key=display_name&sort_dir=up", 400],
    ["status=active&sort_key=display_name&sort_dir=asc&limit=1", ["vm1"]],
    ["status=nosuch", []],
    ["power_state=4", ["vm3"]],
    ["flavor=1c-512m&vm_state=stopped", ["vm3"]],
    ["flavor=m1.tiny", []],
    ["availability_zone=nova&name=vm1", ["vm1"]],
    ["availability_zone=west", []],
    ["ip=10.0.0.1", []],
    ["image=5", []],
    ["deleted=True", []],
    ["deleted=perhaps", 400],
    ["all_tenants=1&project_id=admin&name=vm1", ["vm1"]],
    ["tenant_id=other", []],
    ["changes-since=2020-01-01T00:00:00Z&name=vm1", ["vm1"]],
    ["changes-since=2999-01-01T00:00:00Z", []],
    ["changes-since=yesterday", 400],
    ["changes-before=2020-01-01T00:00:00Z", []],
    ["changes-since=2022-01-01T00:00:00Z&changes-before=2020-01-01T00:00:00Z", 400],
    ["limit=-1", 400],
    ["marker=nosuch", 400],
    ["favourite_colour=blue&name=vm1", ["vm1"]],
  ])("answers %s with %j", async (query, answer) => {
    expect(await names(query)).toEqual(answer);
  });

  it("ignores changes-before until 2.66", async () => {
    expect(await names("changes-before=2020-01-01T00:00:00Z&name=vm1", 65)).toEqual(["vm1"]);
  });
});

describe("POST /servers/{id}/action", () => {
  const act = (body: unknown, minor = 80, id = S1) => api.nova("POST", `/servers/${id}/action`, minor, body);
  const migrate = (action: unknown, minor = 80) => act({ "os-migrateLive": action }, minor);

  it.each([
    [1, { host: null, block_migration: false, disk_over_commit: false }, null, false],
    [24, { host: "hostb", block_migration: "True", disk_over_commit: "no" }, "hostb", true],
    [25, { host: null, block_migration: "auto" }, null, null],
    [30, { host: "hostb", block_migration: "auto", force: true }, "hostb", null],
    [67, { host: "hostb", block_migration: "0", force: false }, "hostb", false],
    [80, { host: null, block_migration: "auto" }, null, null],
  ])("asks the conductor at 2.%d for %j", async (minor, action, host, blockMigration) => {
    expect(await migrate(action, minor)).toMatchObject({ status: 202, body: undefined });
    const preflight = { method: "migration_preflight", request: { server: S1, host } };
    expect(api.calls).toMatchObject([
      ...(minor < 34 ? [preflight] : []),
      {
        method: "live_migrate_instance",
        request: { serverUuid: S1, host, blockMigration, requestedBy: "admin", projectId: "admin" },
        context: { userId: "admin", projectId: "admin", requestId: expect.stringMatching(/^req-/) },
      },
    ]);
  });

  it("answers failed pre-checks below 2.34 within the request, and asks for no migration then", async () => {
    const reason = "hostb lacks the processor feature avx2";
    api.nextPreflight({ canMove: false, reason });
    expect(await migrate({ host: "hostb", block_migration: "auto", force: false }, 33)).toMatchObject({
      status: 400,
      body: { badRequest: { message: `Migration pre-check error: ${reason}` } },
    });
    api.nextPreflight({ canMove: false, reason: "no host is left" });
    expect(await migrate({ host: null, block_migration: "auto" }, 25)).toMatchObject({
      body: { badRequest: { message: "Migration pre-check error: no host is left" } },
    });
    expect(api.calls.map(({ method }) => method)).toEqual(["migration_preflight", "migration_preflight"]);
  });

  const prefix = "Invalid input for field/attribute os-migrateLive. Value: ";
  it.each([
    [80, { block_migration: "auto" }, `${prefix}{'block_migration': 'auto'}. 'host' is a required property`],
    [
      80,
      { host: null, block_migration: "auto", force: true },
      `${prefix}{'host': None, 'block_migration': 'auto', 'force': True}. Additional properties are not allowed ('force' was unexpected)`,
    ],
    [
      25,
      { host: null, block_migration: "auto", disk_over_commit: false },
      `${prefix}{'host': None, 'block_migration': 'auto', 'disk_over_commit': False}. Additional properties are not allowed ('disk_over_commit' was unexpected)`,
    ],
    [30, { host: null, block_migration: "auto", force: true }, "Can't force to a non-provided destination"],
  ])("refuses at 2.%d in Nova's words: %j", async (minor, action, message) => {
    expect(await migrate(action, minor)).toMatchObject({ status: 400, body: { badRequest: { code: 400, message } } });
    expect(api.calls).toEqual([]);
  });

  it.each([
    [24, { host: null, block_migration: "auto", disk_over_commit: false }],
    [1, { host: null, block_migration: false }],
    [29, { host: "hostb", block_migration: "auto", force: true }],
    [80, { host: "no/slash", block_migration: "auto" }],
    [80, { host: 5, block_migration: "auto" }],
    [80, { host: null, block_migration: "perhaps" }],
    [80, null],
  ])("refuses at 2.%d the body %j", async (minor, action) => {
    expect((await migrate(action, minor)).status).toBe(400);
    expect(api.calls).toEqual([]);
  });

  it("answers 409 for a server that migrates, is shut off, or runs twice", async () => {
    await api.fleet.queued(S1);
    const body = { "os-migrateLive": { host: null, block_migration: "auto" } };
    expect(await act(body)).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: {
          code: 409,
          message: `Cannot 'os-migrateLive' instance ${S1} while it is in task_state migrating`,
        },
      },
    });
    expect((await act(body, 80, S3)).body).toMatchObject({
      conflictingRequest: { message: `Cannot 'os-migrateLive' instance ${S3} while it is in vm_state stopped` },
    });
    await api.store.guests.replaceSightings("hostb", [sampleGuest(S2, "vm2")]);
    expect((await act(body, 80, S2)).status).toBe(409);
  });

  it("answers 400 for an unknown host and 404 for an unknown server", async () => {
    expect(await migrate({ host: "nohost", block_migration: "auto" })).toMatchObject({
      status: 400,
      body: { badRequest: { message: "Compute host nohost could not be found." } },
    });
    expect((await act({ "os-migrateLive": { host: null, block_migration: "auto" } }, 80, "nope")).status).toBe(404);
  });

  it.each([
    ["conflict", 409, "conflictingRequest"],
    ["refused", 409, "conflictingRequest"],
    ["unavailable", 503, "serviceUnavailable"],
    ["deadline-exceeded", 504, "computeFault"],
  ] as const)("passes the conductor's %s on as %d", async (code, status, fault) => {
    api.refuseNext(new DroverError(code, "the host hosta is down"));
    const answer = await migrate({ host: null, block_migration: "auto" });
    expect(answer).toMatchObject({ status, body: { [fault]: { code: status } } });
  });

  it.each([
    [
      "refused",
      { migrationUuid: S3 },
      409,
      `Cannot 'os-migrateLive' instance ${S1} while it is in task_state migrating`,
    ],
    ["refused", { field: "block_migration" }, 400, "why not"],
    ["not-found", { host: "hostb" }, 400, "Compute host hostb could not be found."],
    ["not-found", { serverUuid: S1 }, 404, "why not"],
    ["bad-request", { field: "host" }, 400, "why not"],
  ] as const)("says of the conductor's %s with %j: %d %s", async (code, details, status, message) => {
    api.refuseNext(new DroverError(code, "why not", { details }));
    const answer = await migrate({ host: "hostb", block_migration: "auto" });
    expect(answer.status).toBe(status);
    expect(Object.values(answer.body as object)).toEqual([{ code: status, message }]);
  });

  it("keeps an internal error to itself, but for the request id", async () => {
    api.refuseNext(new DroverError("internal", "a secret of ours"));
    const { status, body } = await migrate({ host: null, block_migration: "auto" });
    expect(status).toBe(500);
    expect(JSON.stringify(body)).toMatch(/Unexpected API Error.*req-/);
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it("knows which actions do not exist, which do but are not served, and which fit no state here", async () => {
    expect(await act({ nosuch: null })).toMatchObject({
      status: 400,
      body: { badRequest: { message: "There is no such action: nosuch" } },
    });
    expect(await act({ resize: { flavorRef: "2" } })).toMatchObject({
      status: 501,
      body: { notImplemented: { code: 501, message: expect.stringContaining("os-migrateLive") } },
    });
    expect((await act({ reboot: { type: "HARD" } })).status).toBe(501);
    expect((await act({ toString: null })).status).toBe(400);
    expect(await act({ confirmResize: null })).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: { message: `Cannot 'confirmResize' instance ${S1} while it is in vm_state active` },
      },
    });
    for (const body of [{}, [], "x", { "os-migrateLive": null, pause: null }]) {
      expect((await act(body)).body).toEqual({ badRequest: { code: 400, message: "Malformed request body" } });
    }
  });
});
