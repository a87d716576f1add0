import { mintToken } from "@drover/model";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

async function entries(query = ""): Promise<readonly Record<string, unknown>[]> {
  const { status, body } = await api.v1("GET", `/audit${query}`);
  expect(status).toBe(200);
  return (body as { entries: Record<string, unknown>[] }).entries;
}

async function untilThere(count: number) {
  return await vi.waitFor(async () => {
    const found = await entries();
    expect(found).toHaveLength(count);
    return found;
  });
}

it("has what a role may not, with who and from where", async () => {
  const headers = { "x-auth-token": api.tokens.reader };
  const url = "/v1/servers/vm1/migrations";
  await api.app.inject({ method: "POST", url, headers, remoteAddress: "192.0.2.7" });
  const [entry] = await untilThere(1);
  expect(entry).toMatchObject({
    ...{ userId: "reader", role: "reader", remoteAddress: "192.0.2.7", times: 1, httpStatus: 403 },
    ...{
      action: "POST /v1/servers/:server/migrations",
      outcome: "forbidden",
      requestId: expect.stringMatching(/^req-/),
    },
    tokenId: api.tokens.reader.slice(4, 16),
  });
});

it("has what a token repeats once more with how often, of both APIs", async () => {
  const headers = { "x-auth-token": api.tokens.operator };
  const reset = { method: "POST", url: "/v2.1/servers/x/action", headers, payload: { "os-resetState": {} } } as const;
  for (let times = 0; times < 5; times++) {
    expect((await api.app.inject(reset)).statusCode).toBe(403);
    expect((await api.app.inject({ url: "/v1/tokens", headers })).statusCode).toBe(403);
  }
  await untilThere(2);
  await api.app.close();
  const listed = await vi.waitFor(async () => {
    const rows = await api.store.audit.list({});
    expect(rows).toHaveLength(4);
    return rows;
  });
  const told = listed.map(({ action, times, outcome, userId }) => ({ action, times, outcome, userId }));
  for (const action of ["POST /v2.1/servers/:id/action", "GET /v1/tokens"]) {
    for (const times of [1, 4]) {
      expect(told).toContainEqual({ action, times, outcome: "forbidden", userId: "operator" });
    }
  }
});

it("has tokens that do not count as one entry for each address, and never their text", async () => {
  const tried = mintToken().text;
  for (const remoteAddress of ["192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7"]) {
    await api.app.inject({ url: "/v1/hosts", headers: { "x-auth-token": tried }, remoteAddress });
  }
  // What is gathered is told when the API stops, too.
  await api.app.close();
  const listed = await vi.waitFor(async () => {
    const rows = await api.store.audit.list({});
    expect(rows).toHaveLength(2);
    return rows;
  });
  expect(
    listed.map(({ remoteAddress, times, outcome, userId }) => ({ remoteAddress, times, outcome, userId })),
  ).toEqual(
    expect.arrayContaining([
      { remoteAddress: "192.0.2.7", times: 3, outcome: "unauthenticated", userId: null },
      { remoteAddress: "192.0.2.8", times: 1, outcome: "unauthenticated", userId: null },
    ]),
  );
  expect(JSON.stringify(listed)).not.toContain(tried);
});

it("has what became of parked messages", async () => {
  await api.v1("DELETE", "/bus/parked/nothing");
  const [entry] = await untilThere(1);
  expect(entry).toMatchObject({
    ...{ action: "DELETE /v1/bus/parked/:id", resource: "parked message nothing", outcome: "not-found" },
    ...{ userId: "admin", httpStatus: 404 },
  });
});

it("is searched, and refuses what it does not know", async () => {
  const entry = { projectId: null, role: null, tokenId: null, remoteAddress: null, sender: null, request: null };
  const rest = { message: null, httpStatus: null, requestId: "req-1", times: 1, outcome: "ok" };
  const first = await api.store.audit.add({
    ...entry,
    ...rest,
    userId: "olga",
    action: "update_host",
    resource: "host a",
  });
  const second = await api.store.audit.add({
    ...entry,
    ...rest,
    userId: "eve",
    action: "update_host",
    resource: "host b",
  });
  const ids = async (query: string) => (await entries(query)).map(({ id }) => id);
  expect(await ids("")).toEqual([second, first]);
  expect(await ids("?user=olga")).toEqual([first]);
  expect(await ids("?resource=host%20b&outcome=ok&action=update_host&requestId=req-1")).toEqual([second]);
  expect(await ids(`?limit=1&marker=${second}`)).toEqual([first]);
  expect(await ids("?since=2020-01-01T00:00:00Z&before=2020-01-02T00:00:00%2B02:00")).toEqual([]);
  for (const query of ["?usr=olga", "?marker=x", "?limit=0", "?since=yesterday"]) {
    expect([query, (await api.v1("GET", `/audit${query}`)).status]).toEqual([query, 400]);
  }
});
