import { S1, S2, S3, sampleSnapshot } from "@drover/fleet/testing";
import { DroverError, type Migration } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

async function completed(serverUuid: string): Promise<Migration> {
  const running = await api.fleet.running(serverUuid);
  const arrived = await api.fleet.move(running, { state: "post-migrating", outcome: "arrived" });
  return api.fleet.move(arrived, { state: "completed", endedAt: new Date(), step: null });
}

const listed = async (minor = 80) =>
  (await api.nova("GET", `/servers/${S1}/migrations`, minor)).body as { migrations: Record<string, unknown>[] };

describe("GET /servers/{id}/migrations", () => {
  it("has null where nothing is known, and the numbers as soon as they are", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    const nothing = { memory_total_bytes: null, memory_remaining_bytes: null, disk_total_bytes: null };
    expect((await listed()).migrations).toMatchObject([nothing]);
    await api.progress.publish("hosta", [sampleSnapshot(uuid)]);
    expect((await listed()).migrations).toEqual([
      {
        id,
        uuid,
        server_uuid: S1,
        status: "running",
        source_compute: "hosta",
        source_node: "hosta",
        dest_compute: "hostb",
        dest_node: "hostb",
        dest_host: null,
        memory_total_bytes: 1000,
        memory_processed_bytes: 600,
        memory_remaining_bytes: 400,
        disk_total_bytes: 0,
        disk_processed_bytes: 0,
        disk_remaining_bytes: 0,
        user_id: "admin",
        project_id: "admin",
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
        updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
      },
    ]);
  });

  it("grows its fields with the version and does not exist before 2.23", async () => {
    await api.fleet.running(S1);
    expect((await listed(58)).migrations[0]).not.toHaveProperty("uuid");
    expect((await listed(79)).migrations[0]).not.toHaveProperty("user_id");
    expect(await api.nova("GET", `/servers/${S1}/migrations`, 22)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: "API version 2.22 is not supported on this method." } },
    });
  });

  it("lists post-copy, which Nova hides, and neither finished ones nor those in error", async () => {
    const running = await api.fleet.running(S1);
    const postCopy = await api.fleet.move(running, { state: "post-copy" });
    expect((await listed()).migrations).toMatchObject([{ status: "running (post-copy)" }]);
    await api.fleet.move(postCopy, { state: "error" });
    expect((await listed()).migrations).toEqual([]);
  });

  it("shows one by number or uuid, and says in Nova's words why it cannot", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    for (const reference of [id, uuid]) {
      const { body } = await api.nova("GET", `/servers/${S1}/migrations/${reference}`, 80);
      expect(body).toMatchObject({ migration: { id, uuid } });
    }
    const over = await completed(S2);
    for (const [path, message] of [
      [`${S1}/migrations/99999`, `In-progress live migration 99999 is not found for server ${S1}.`],
      [`${S2}/migrations/${id}`, `In-progress live migration ${id} is not found for server ${S2}.`],
      [`${S2}/migrations/${over.id}`, `Live migration ${over.id} for server ${S2} is not in progress.`],
      [`nope/migrations/1`, "Instance nope could not be found."],
    ]) {
      expect(await api.nova("GET", `/servers/${path}`, 80)).toMatchObject({
        status: 404,
        body: { itemNotFound: { code: 404, message } },
      });
    }
  });
});

describe("force_complete", () => {
  const force = (mid: number | string, minor = 80, body: unknown = { force_complete: null }) =>
    api.nova("POST", `/servers/${S1}/migrations/${mid}/action`, minor, body);

  it("asks the conductor", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    expect(await force(id, 22)).toMatchObject({ status: 202, body: undefined });
    expect(api.calls).toMatchObject([{ method: "live_migration_force_complete", request: { migrationUuid: uuid } }]);
  });

  it("answers 409 while the server does not migrate, then 400 for a migration that is not there", async () => {
    expect(await force(7)).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: `Instance ${S1} is in an invalid state for 'force_complete'` } },
    });
    await api.fleet.running(S1);
    expect(await force(999)).toMatchObject({
      status: 400,
      body: { badRequest: { message: `Migration 999 not found for instance ${S1}` } },
    });
  });

  it("answers 400 when the conductor refuses, with its reason", async () => {
    const { id } = await api.fleet.queued(S1);
    api.refuseNext(new DroverError("refused", "nothing is being copied yet"));
    expect(await force(id)).toMatchObject({
      status: 400,
      body: {
        badRequest: {
          message: `Migration ${id} state of instance ${S1} is queued. Cannot force complete while the migration is in this state. (nothing is being copied yet)`,
        },
      },
    });
  });

  it("checks the body and the version", async () => {
    const { id } = await api.fleet.running(S1);
    expect((await force(id, 21)).status).toBe(404);
    expect((await force(id, 80, { force_complete: {} })).status).toBe(400);
    expect((await force(id, 80, { nosuch: null })).body).toMatchObject({
      badRequest: { message: "There is no such action: nosuch" },
    });
    expect(api.calls).toEqual([]);
  });
});

describe("DELETE /servers/{id}/migrations/{mid}", () => {
  const abort = (mid: number | string, minor = 80) => api.nova("DELETE", `/servers/${S1}/migrations/${mid}`, minor);

  it("asks the conductor, also when the client names a media type and sends nothing", async () => {
    const { id, uuid } = await api.fleet.running(S1);
    expect(await abort(id, 24)).toMatchObject({ status: 202, body: undefined });
    const headers = { "openstack-api-version": "compute 2.80", "content-type": "application/json" };
    const url = `/v2.1/servers/${S1}/migrations/${id}`;
    expect((await api.inject({ method: "DELETE", url, headers })).statusCode).toBe(202);
    expect(api.calls).toMatchObject([
      { method: "live_migration_abort", request: { migrationUuid: uuid, requestedBy: "admin" } },
      { method: "live_migration_abort" },
    ]);
  });

  it("answers 409 while the server does not migrate, then 404 for a migration that is not there", async () => {
    expect(await abort(7)).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: `Instance ${S1} is in an invalid state for 'abort live migration'` } },
    });
    await api.fleet.running(S1);
    expect(await abort(999_999)).toMatchObject({
      status: 404,
      body: { itemNotFound: { message: `Migration 999999 not found for instance ${S1}` } },
    });
  });

  it("takes queued ones from 2.65 on only", async () => {
    const { id } = await api.fleet.queued(S1);
    expect((await abort(id, 64)).status).toBe(400);
    expect((await abort(id, 23)).status).toBe(404);
    expect(api.calls).toEqual([]);
    expect((await abort(id, 65)).status).toBe(202);
  });

  it("answers 400 when the conductor refuses", async () => {
    const { id } = await api.fleet.running(S1);
    api.refuseNext(new DroverError("refused", "the guest already runs on the destination"));
    expect((await abort(id)).status).toBe(400);
  });
});

describe("GET /os-migrations", () => {
  const list = async (query: string, minor = 80) => {
    const { status, body } = await api.nova("GET", `/os-migrations${query}`, minor);
    return { status, body, ...(body as { migrations: Record<string, unknown>[]; migrations_links?: unknown }) };
  };

  it("lists all, the newest first, with links for those in progress", async () => {
    const over = await completed(S2);
    const running = await api.fleet.running(S1);
    const { migrations } = await list("");
    expect(migrations.map((migration) => migration.id)).toEqual([running.id, over.id]);
    expect(migrations[0]).toMatchObject({
      instance_uuid: S1,
      migration_type: "live-migration",
      old_instance_type_id: null,
      new_instance_type_id: null,
      links: [{ rel: "self" }, { rel: "bookmark" }],
    });
    expect(migrations[0]).not.toHaveProperty("memory_total_bytes");
    expect(migrations[0]).not.toHaveProperty("server_uuid");
    expect(migrations[1]).not.toHaveProperty("links");
    expect((await list("", 22)).migrations[0]).not.toHaveProperty("migration_type");
  });

  it.each([
    ["?status=running", 1],
    ["?status=completed", 1],
    ["?status=nosuch", 0],
    [`?instance_uuid=${S1}`, 1],
    ["?instance_uuid=vm1", 0],
    ["?migration_type=live-migration", 2],
    ["?migration_type=resize", 0],
    ["?hidden=true", 0],
    ["?host=hostb", 2],
    ["?host=hostb&source_compute=nosuch", 2],
    ["?source_compute=hostb", 0],
    ["?changes-since=2020-01-01T00:00:00", 2],
    ["?changes-since=2100-01-01T00:00:00Z", 0],
    ["?changes-before=2020-01-01", 0],
    ["?user_id=admin&project_id=admin", 2],
    ["?user_id=someone", 0],
  ])("answers %s with %d", async (query, expected) => {
    await completed(S2);
    await api.fleet.running(S1);
    expect((await list(query)).migrations).toHaveLength(expected);
  });

  it("pages from 2.59 on", async () => {
    for (const server of [S1, S2, S3]) await api.fleet.queued(server);
    const first = await list("?limit=2");
    expect(first.migrations).toHaveLength(2);
    const marker = first.migrations[1]?.uuid;
    expect(first.migrations_links).toEqual([
      { rel: "next", href: `http://localhost/v2.1/os-migrations?limit=2&marker=${marker}` },
    ]);
    const second = await list(`?limit=2&marker=${marker}`);
    expect(second.migrations).toHaveLength(1);
    expect(second.migrations_links).toBeUndefined();
    expect((await list("?limit=2", 58)).migrations).toHaveLength(3);
  });

  it.each([
    [80, "?nosuch=1", "Additional properties are not allowed ('nosuch' was unexpected)"],
    [79, "?user_id=admin", "Additional properties are not allowed ('user_id' was unexpected)"],
    [65, "?changes-before=2020-01-01", "Additional properties are not allowed ('changes-before' was unexpected)"],
    [80, "?marker=99999999-9999-4999-8999-999999999999", "could not be found"],
    [80, "?limit=x", "limit"],
    [80, "?changes-since=yesterday", "changes-since"],
    [80, "?changes-since=2026-02-01&changes-before=2026-01-01", "less than or equal to changes-before"],
  ])("refuses at 2.%d %s", async (minor, query, message) => {
    const { status, body } = await list(query, minor);
    expect(status).toBe(400);
    expect(body).toMatchObject({ badRequest: { message: expect.stringContaining(message) } });
  });

  it("ignores what it does not know before 2.59", async () => {
    expect((await list("?nosuch=1&limit=x", 58)).status).toBe(200);
  });
});
