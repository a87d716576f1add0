import { S1, S2, S3, sampleGuest } from "@drover/fleet/testing";
import { DroverError } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

const act = (body: unknown, minor = 80, id = S1) => api.nova("POST", `/servers/${id}/action`, minor, body);
const shown = async (minor = 80) =>
  ((await api.nova("GET", `/servers/${S1}`, minor)).body as { server: Record<string, unknown> }).server;

describe("lock and unlock", () => {
  it("shows who may not move it, and why from 2.73", async () => {
    expect(await shown()).toMatchObject({ locked: false, locked_reason: null });
    expect(await act({ lock: { locked_reason: "audit" } })).toMatchObject({ status: 202, body: undefined });
    expect(api.calls.at(-1)).toMatchObject({
      method: "update_server",
      request: { server: S1, settings: { locked: true, lockedReason: "audit" }, asAdmin: true, requestedBy: "admin" },
    });
    expect(await shown()).toMatchObject({ locked: true, locked_reason: "audit" });
    expect(await shown(72)).not.toHaveProperty("locked_reason");
    const names = async (query: string, minor: number) =>
      ((await api.nova("GET", `/servers?${query}`, minor)).body as { servers: { name: string }[] }).servers.length;
    expect([await names("locked=true", 73), await names("locked=false", 73), await names("locked=true", 72)]).toEqual([
      1, 2, 3,
    ]);
    expect((await act({ unlock: null })).status).toBe(202);
    expect(await shown()).toMatchObject({ locked: false });
  });

  it("looks at the body of lock from 2.73 on", async () => {
    expect((await act({ lock: { reason: "x" } }, 73)).status).toBe(400);
    expect((await act({ lock: { locked_reason: "" } }, 73)).status).toBe(400);
    expect((await act({ lock: { reason: "x" } }, 72)).status).toBe(202);
    expect((await act({ lock: null }, 73)).status).toBe(202);
  });
});

describe("pause and unpause", () => {
  it("asks the conductor for a server that is in the right state", async () => {
    expect(await act({ pause: null })).toMatchObject({ status: 202, body: undefined });
    expect(api.calls.at(-1)).toMatchObject({ method: "pause_server", request: { serverUuid: S1, asAdmin: true } });
    await api.store.guests.replaceSightings("hosta", [sampleGuest(S1, "vm1", { powerState: "paused" })]);
    expect((await act({ unpause: null })).status).toBe(202);
    expect(api.calls.at(-1)).toMatchObject({ method: "unpause_server", request: { serverUuid: S1 } });
  });

  it("refuses in Nova's words what does not fit its state", async () => {
    const conflict = (message: string) => ({ status: 409, body: { conflictingRequest: { code: 409, message } } });
    expect(await act({ unpause: null })).toMatchObject(
      conflict(`Cannot 'unpause' instance ${S1} while it is in vm_state active`),
    );
    expect(await act({ pause: null }, 80, S3)).toMatchObject(
      conflict(`Cannot 'pause' instance ${S3} while it is in vm_state stopped`),
    );
    await api.fleet.running(S2);
    expect(await act({ pause: null }, 80, S2)).toMatchObject(
      conflict(`Cannot 'pause' instance ${S2} while it is in task_state migrating`),
    );
    expect(api.calls).toEqual([]);
    api.refuseNext(new DroverError("refused", "vm1 is in migration 1", { details: { migrationUuid: S3 } }));
    expect(await act({ pause: null })).toMatchObject(
      conflict(`Cannot 'pause' instance ${S1} while it is in task_state migrating`),
    );
    expect((await act({ pause: null }, 80, "nope")).status).toBe(404);
  });
});

describe("os-resetState", () => {
  it("is asked of the conductor, whose refusal says what is where", async () => {
    expect(await act({ "os-resetState": { state: "active" } })).toMatchObject({ status: 202, body: undefined });
    expect(api.calls).toMatchObject([{ method: "reset_server_state", request: { serverUuid: S1, state: "active" } }]);
    api.refuseNext(new DroverError("refused", "vm1 cannot be set to error: libvirt has it running on hosta"));
    expect(await act({ "os-resetState": { state: "error" } })).toMatchObject({
      status: 409,
      body: { conflictingRequest: { message: expect.stringContaining("libvirt has it running") } },
    });
    for (const action of [null, {}, { state: "paused" }, { state: "active", force: true }]) {
      expect((await act({ "os-resetState": action })).status).toBe(400);
    }
  });
});

describe("for operators", () => {
  const asOperator = (method: "POST" | "DELETE" | "PATCH", url: string, payload?: object) =>
    api.inject({
      ...{ method, url, ...(payload === undefined ? {} : { payload }) },
      headers: { "x-auth-token": api.tokens.operator, "openstack-api-version": "compute 2.80" },
    });

  it("a locked server is left alone, whatever is asked, before anything else is looked at", async () => {
    const { id } = await api.fleet.running(S1);
    await api.store.serverLocks.set(S1, { reason: null, lockedBy: "admin", byAdmin: true });
    const locked = { conflictingRequest: { code: 409, message: `Instance ${S1} is locked` } };
    for (const action of [{ "os-migrateLive": { host: null, block_migration: "auto" } }, { pause: null }]) {
      expect((await asOperator("POST", `/v2.1/servers/${S1}/action`, action)).json()).toEqual(locked);
    }
    const path = `/v2.1/servers/${S1}/migrations/${id}`;
    expect((await asOperator("DELETE", path)).json()).toEqual(locked);
    expect((await asOperator("POST", `${path}/action`, { force_complete: null })).json()).toEqual(locked);
    expect(api.calls).toEqual([]);
    expect((await api.nova("DELETE", `/servers/${S1}/migrations/${id}`, 80)).status).toBe(202);
    expect(api.calls).toMatchObject([{ request: { asAdmin: true } }]);
  });

  it("is asked for on their own behalf, and a lock of an administrator's is 403", async () => {
    expect((await asOperator("POST", `/v2.1/servers/${S1}/action`, { pause: null })).statusCode).toBe(202);
    await asOperator("PATCH", `/v1/servers/${S1}`, { locked: true });
    expect(api.calls).toMatchObject([{ request: { asAdmin: false } }, { request: { asAdmin: false } }]);
    api.refuseNext(new DroverError("forbidden", "vm1 was locked by admin, an administrator: ask one to unlock it"));
    const answer = await asOperator("POST", `/v2.1/servers/${S1}/action`, { unlock: null });
    expect([answer.statusCode, answer.json()]).toMatchObject([403, { forbidden: { code: 403 } }]);
  });

  it("a state is not reset", async () => {
    const reset = { "os-resetState": { state: "active" } };
    const answer = await asOperator("POST", `/v2.1/servers/${S1}/action`, reset);
    expect([answer.statusCode, answer.json()]).toEqual([
      403,
      {
        forbidden: {
          code: 403,
          message: "Policy doesn't allow os-resetState to be performed: it needs the role admin.",
        },
      },
    ]);
    expect(api.calls).toEqual([]);
  });
});
