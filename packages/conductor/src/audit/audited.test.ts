import { type Bus, defineCall, handle } from "@drover/bus";
import { createToken, listHosts, listWebhooks, recordAudit, revokeToken, updateHost } from "@drover/contracts";
import { DroverError, mintToken, silentLogger } from "@drover/model";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Plane, startPlane } from "../suite/scripted-plane.ts";
import { audited } from "./audited.ts";
import { requestText, resourceOf } from "./request-text.ts";

let plane: Plane;
let bus: Bus;
beforeEach(async () => {
  plane = await startPlane();
  bus = plane.bus;
});
afterEach(() => plane.close());

const context = {
  ...{ requestId: "req-7", userId: "olga", projectId: "night", role: "operator" },
  ...{ tokenId: "0123456789ab", remoteAddress: "192.0.2.7" },
};
const disable = { host: "beta", settings: { enabled: false }, requestedBy: "olga" };

it("has who changed what, from where, and that it was done", async () => {
  await bus.call(updateHost, disable, { context });
  expect(await plane.store.audit.list({})).toMatchObject([
    {
      ...context,
      ...{ action: "update_host", resource: "host beta", outcome: "ok", message: null, httpStatus: null, times: 1 },
      request: '{"host":"beta","settings":{"enabled":false}}',
    },
  ]);
});

it("has what was refused, with the reason, and the word of a caller that has no context", async () => {
  const unknown = bus.call(updateHost, { ...disable, host: "delta" }, { context: { requestId: "req-8" } });
  await expect(unknown).rejects.toMatchObject({ code: "not-found" });
  expect(await plane.store.audit.list({})).toMatchObject([
    { userId: "olga", tokenId: null, outcome: "not-found", message: expect.stringContaining("delta") },
  ]);
});

it.each([
  ["drover-api", true, { role: "operator", tokenId: "0123456789ab", remoteAddress: "192.0.2.7" }],
  ["billing", false, { role: null, tokenId: null, remoteAddress: null }],
])("believes %s about tokens: %s", async (user, fromControlPlane, believed) => {
  const ping = defineCall({
    ...{ topic: "conductor", method: "ping", version: "1.0", access: "request", idempotent: true, deadlineMs: 1_000 },
    ...{ request: z.unknown(), response: z.null() },
  });
  const [handler] = audited({ store: plane.store, logger: silentLogger }, [handle(ping, async () => null)]);
  const { signal } = new AbortController();
  await handler?.read({}).run({ context, signal, sender: { user, throughExchange: false }, fromControlPlane });
  expect(await plane.store.audit.list({})).toMatchObject([{ userId: "olga", sender: user, ...believed }]);
});

it("has nothing of reading, and nothing of what never passed its schema", async () => {
  await bus.call(listHosts, {});
  await bus.call(listWebhooks, {});
  await expect(bus.call(updateHost, { host: "no/name" } as never)).rejects.toMatchObject({ code: "bad-request" });
  expect(await plane.store.audit.list({})).toEqual([]);
});

it("what cannot be recorded is not done", async () => {
  const add = vi.spyOn(plane.store.audit, "add");
  add.mockRejectedValueOnce(new DroverError("unavailable", "the database is away"));
  await expect(bus.call(updateHost, disable, { context })).rejects.toMatchObject({ code: "unavailable" });
  expect((await plane.store.hosts.get("beta"))?.enabled).toBe(true);
});

it("what was done is answered although its outcome could not be recorded, and stays without one", async () => {
  const settle = vi.spyOn(plane.store.audit, "settle");
  settle.mockRejectedValueOnce(new DroverError("unavailable", "the database is away"));
  expect(await bus.call(updateHost, disable, { context })).toMatchObject({ enabled: false });
  expect(await plane.store.audit.list({})).toMatchObject([{ action: "update_host", outcome: null }]);
});

it.each([
  ["https://ann:pw@chat.example:8443/hooks/T0/s3cret?key=k1#f", "https://chat.example:8443/***"],
  ["https://ann@chat.example/", "https://chat.example"],
  ["http://chat.example/?key=k1", "http://chat.example/***"],
])("of a webhook's address %s only the host is recorded", (url, recorded) => {
  expect(requestText({ webhook: { url, states: [] }, requestedBy: "ann" })).toBe(
    `{"webhook":{"url":"${recorded}","states":[]}}`,
  );
});

it("tokens are recorded by their ids, without what they are checked by", async () => {
  const { id, secretHash } = mintToken();
  const token = createToken.request.parse({
    id,
    secretHash,
    token: { name: "eve", role: "reader" },
    requestedBy: "olga",
  });
  expect((await bus.call(createToken, token, { context })).token).toMatchObject({ id, name: "eve", createdBy: "olga" });
  expect((await bus.call(revokeToken, { id, requestedBy: "olga" }, { context })).token.revokedBy).toBe("olga");
  const past = { ...token, token: { ...token.token, expiresAt: "2020-01-01T00:00:00.000Z" } };
  await expect(bus.call(createToken, past, { context })).rejects.toMatchObject({ details: { field: "expiresAt" } });
  const listed = await plane.store.audit.list({});
  expect(listed.map(({ action, outcome }) => [action, outcome])).toEqual([
    ["create_token", "bad-request"],
    ["revoke_token", "ok"],
    ["create_token", "ok"],
  ]);
  expect(JSON.stringify(listed)).not.toContain(secretHash);
});

it("has what an API answered by itself, once, from when it did", async () => {
  const at = "2026-11-27T10:00:00.000Z";
  const own = { entryId: "7b1d4c1e-6f0a-4a57-8f6c-0d2f4f6f7a10", at };
  const told = { action: "GET /v1/tokens", outcome: "forbidden", httpStatus: 403, requestId: "req-9", times: 3 };
  const who = { userId: "eve", projectId: "admin", role: "reader", tokenId: "0123456789ab", remoteAddress: "::1" };
  for (const message of ["needs admin", "told again"]) {
    await bus.cast(recordAudit, { ...own, ...told, ...who, message, resource: null });
  }
  await bus.cast(recordAudit, {
    ...own,
    entryId: crypto.randomUUID(),
    ...told,
    ...who,
    message: "next",
    resource: null,
  });
  await vi.waitFor(async () => {
    const [next, first, ...more] = await plane.store.audit.list({});
    expect(next).toMatchObject({ message: "next" });
    expect(first).toMatchObject({ ...told, ...who, request: null, message: "needs admin", at: new Date(at) });
    expect(more).toEqual([]);
  });
});

it("names what a request is about, and keeps its secrets and its length", () => {
  expect(resourceOf("change_it", { migrationUuid: "m", requestedBy: "olga" })).toBe("migration m");
  expect(resourceOf("change_it", { serverUuid: "s", host: "beta" })).toBe("server s");
  expect(resourceOf("change_it", { group: { name: "web" } })).toBe("server-group web");
  expect(resourceOf("change_it", { aggregate: "ssd", change: {} })).toBe("aggregate ssd");
  expect(resourceOf("revoke_token", { id: "0123456789ab" })).toBe("token 0123456789ab");
  expect(resourceOf("change_it", {})).toBeNull();
  expect(
    requestText({ address: "http://me:pass@x", secret: "s", nested: { apiToken: "t" }, token: { name: "n" } }),
  ).toBe('{"address":"http://me:***@x","secret":"***","nested":{"apiToken":"***"},"token":{"name":"n"}}');
  expect(requestText({ servers: Array.from({ length: 1_000 }, () => "server") })).toHaveLength(4_096);
});
