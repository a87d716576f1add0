import { type Clock, DroverError, type Logger, mintToken, ROLES, systemClock } from "@drover/model";
import fastify from "fastify";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { apiConfig } from "../api-config.ts";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";
import { controlAccess } from "./access-control.ts";
import { policyTable, type RouteAccess } from "./policy-table.ts";

let api: ApiFixture;

/** A path that the rule's pattern matches. */
function pathOf(rule: string): { method: "GET"; url: string } {
  const [method, pattern = ""] = rule.split(" ");
  return { method: method as "GET", url: pattern.replaceAll(/:\w+/g, "x") };
}

describe("the policy table, cell by cell", () => {
  beforeAll(async () => {
    api = await openApiFixture();
  });
  afterAll(() => api.close());

  const cells = Object.entries(policyTable).flatMap(([rule, access]) =>
    ([undefined, ...ROLES] as const).map((role) => [role ?? "nobody", rule, access, expected(role, access)] as const),
  );

  it.each(cells)("%s: %s (%s) is %s", async (holder, rule, _access, expectation) => {
    const token = holder === "nobody" ? {} : { "x-auth-token": api.tokens[holder] };
    // No event has that id: an event stream is refused for it, and does not go on.
    const headers = { ...token, "last-event-id": "none" };
    const { statusCode, headers: answered } = await api.app.inject({ ...pathOf(rule), headers });
    const verdict = statusCode === 401 || statusCode === 403 ? statusCode : "let in";
    expect([verdict, "www-authenticate" in answered]).toEqual([expectation, expectation === 401]);
  });

  it("has no rule without a route", () => {
    for (const rule of Object.keys(policyTable)) {
      const [method = "", url = ""] = rule.split(" ");
      expect([
        rule,
        api.app.hasRoute({ method: method as "GET", url }) || api.app.hasRoute({ method: "GET", url: `${url}/` }),
      ]).toEqual([rule, true]);
    }
  });
});

function expected(role: (typeof ROLES)[number] | undefined, access: RouteAccess): "let in" | 401 | 403 {
  if (access === "public") return "let in";
  if (role === undefined) return 401;
  return ROLES.indexOf(role) >= ROLES.indexOf(access) ? "let in" : 403;
}

it("does not start with a route that is not in the policy table", () => {
  const app = fastify();
  controlAccess(app, { store: {}, config: apiConfig.parse({}) } as never, {} as never);
  expect(() => app.get("/v1/backdoor", async () => "")).toThrow("GET /v1/backdoor is not in policy-table.ts");
});

describe("a request", () => {
  beforeEach(async () => {
    api = await openApiFixture();
  });
  afterEach(() => api.close());

  async function issue(change: { networks?: string[]; expiresAt?: Date } = {}) {
    const { id, secretHash, text } = mintToken();
    const rest = { name: "olga", role: "operator", projectId: "night", networks: [], createdBy: "test" } as const;
    await api.store.tokens.create({ id, secretHash, expiresAt: null, ...rest, ...change });
    return { id, text };
  }

  async function ask(url: string, headers: Record<string, string>, remoteAddress = "127.0.0.1") {
    const { statusCode, body } = await api.app.inject({ url, headers, remoteAddress });
    return { statusCode, body: JSON.parse(body) };
  }

  it("may have its token as X-Auth-Token or as Authorization: Bearer", async () => {
    const { text } = await issue();
    expect((await ask("/v1/hosts", { "x-auth-token": text })).statusCode).toBe(200);
    expect((await ask("/v1/hosts", { authorization: `Bearer ${text}` })).statusCode).toBe(200);
    expect((await ask("/v1/hosts", { authorization: `bearer  ${text}` })).statusCode).toBe(200);
    expect((await ask("/v1/hosts", { authorization: `Basic ${text}` })).statusCode).toBe(401);
  });

  it("is recorded under the token's name and project", async () => {
    const { text } = await issue();
    await api.app.inject({
      ...{ method: "POST", url: "/v1/servers/vm1/migrations", headers: { "x-auth-token": text } },
    });
    expect(api.calls).toMatchObject([
      { request: { requestedBy: "olga", projectId: "night" }, context: { userId: "olga", projectId: "night" } },
    ]);
  });

  it("is refused without one in each API's own form", async () => {
    expect(await ask("/v1/hosts", {})).toMatchObject({
      statusCode: 401,
      body: { error: { code: "unauthenticated", message: expect.stringContaining("X-Auth-Token") } },
    });
    expect(await ask("/v2.1/servers", {})).toEqual({
      statusCode: 401,
      body: { error: { code: 401, title: "Unauthorized", message: expect.stringContaining("X-Auth-Token") } },
    });
  });

  it("that no route matches tells nothing to who has no token", async () => {
    for (const url of ["/nothing", "/v1/nothing", "/v2.1/nothing"]) expect((await ask(url, {})).statusCode).toBe(401);
  });

  it("is refused what its role may not in each API's own form, with Nova's version headers", async () => {
    const headers = { "x-auth-token": api.tokens.reader };
    const v1 = await api.app.inject({ method: "POST", url: "/v1/servers/vm1/migrations", headers });
    expect(v1.json()).toMatchObject({ error: { code: "forbidden", details: { role: "reader", needs: "operator" } } });
    const nova = await api.app.inject({ method: "POST", url: "/v2.1/servers/x/action", headers, payload: {} });
    expect(nova.json()).toMatchObject({ forbidden: { code: 403, message: expect.stringContaining("operator") } });
    expect(nova.headers["openstack-api-version"]).toBe("compute 2.1");
    expect(api.calls).toEqual([]);
  });

  it("is refused with a token that is unknown, wrong, expired, or from elsewhere", async () => {
    const { id, text } = await issue();
    const local = await issue({ networks: ["127.0.0.0/8", "::1/128"] });
    const old = await issue({ expiresAt: new Date(Date.now() - 1) });
    const says = async (token: string, from?: string) => {
      const { statusCode, body } = await ask("/v1/hosts", { "x-auth-token": token }, from);
      return [statusCode, statusCode === 200 ? "" : body.error.message];
    };
    expect(await says("unused")).toEqual([401, "this token is not known"]);
    expect(await says(mintToken().text)).toEqual([401, "this token is not known"]);
    expect(await says(`drv_${id}_${"x".repeat(43)}`)).toEqual([401, "this token is not known"]);
    expect(await says(`${text}x`)).toEqual([401, "this token is not known"]);
    expect(await says(old.text)).toEqual([401, expect.stringMatching(/expired at 20/)]);
    expect(await says(local.text, "192.0.2.7")).toEqual([401, expect.stringContaining("192.0.2.7")]);
    for (const from of ["127.0.0.9", "::1", "::ffff:127.0.0.1"])
      expect(await says(local.text, from)).toEqual([200, ""]);
  });

  it("asks the database again for a token after a few seconds, and at once for one that was not there", async () => {
    const minted = mintToken();
    expect((await ask("/v1/hosts", { "x-auth-token": minted.text })).statusCode).toBe(401);
    const rest = { name: "late", role: "reader", projectId: "admin", networks: [], createdBy: "test" } as const;
    await api.store.tokens.create({ id: minted.id, secretHash: minted.secretHash, expiresAt: null, ...rest });
    expect((await ask("/v1/hosts", { "x-auth-token": minted.text })).statusCode).toBe(200);
  });
});

describe("who asks too often", () => {
  const time = { ms: 0 };
  const clock: Clock = { ...systemClock, monotonicMs: () => time.ms };
  beforeEach(async () => {
    time.ms = 0;
    api = await openApiFixture({ max_requests_per_second: 30 }, clock);
  });
  afterEach(() => api.close());

  async function ask(token: string, remoteAddress = "192.0.2.7") {
    const { statusCode, headers } = await api.app.inject({
      ...{ url: "/v1/hosts", headers: { "x-auth-token": token }, remoteAddress },
    });
    return [statusCode, headers["retry-after"]];
  }

  it("with tokens that do not count is not looked at for a while, whatever the token, and others go on", async () => {
    expect(await ask(api.tokens.reader)).toEqual([200, undefined]);
    for (let tries = 0; tries < 20; tries++) expect(await ask(mintToken().text)).toEqual([401, undefined]);
    expect(await ask(mintToken().text)).toEqual([429, "3"]);
    expect(await ask(api.tokens.admin)).toEqual([429, "3"]);
    // Its holder is known here, and the other comes from elsewhere.
    expect(await ask(api.tokens.reader)).toEqual([200, undefined]);
    expect(await ask(api.tokens.admin, "192.0.2.8")).toEqual([200, undefined]);
    time.ms = 3_001;
    expect(await ask(mintToken().text)).toEqual([401, undefined]);
    expect(await ask(mintToken().text)).toEqual([429, "3"]);
    time.ms = 70_000;
    expect(await ask(api.tokens.operator)).toEqual([200, undefined]);
  });

  it("cannot guess more by guessing at once, and one token many times over is one try", async () => {
    const guesses = await Promise.all(Array.from({ length: 30 }, () => ask(mintToken().text, "192.0.2.9")));
    expect(guesses.filter(([status]) => status === 401)).toHaveLength(20);
    expect(guesses.filter(([status]) => status === 429)).toHaveLength(10);
    const honest = await Promise.all(Array.from({ length: 29 }, () => ask(api.tokens.operator)));
    expect(honest.every(([status]) => status === 200)).toBe(true);
  });

  it("with a token that has expired, or may not be used from there, guesses nothing", async () => {
    const old = mintToken();
    const rest = { name: "olga", role: "operator", projectId: "night", createdBy: "test" } as const;
    const bounds = { networks: [], expiresAt: new Date(Date.now() - 1) };
    await api.store.tokens.create({ id: old.id, secretHash: old.secretHash, ...rest, ...bounds });
    for (let tries = 0; tries < 25; tries++) expect(await ask(old.text)).toEqual([401, undefined]);
    expect(await ask(api.tokens.admin)).toEqual([200, undefined]);
    for (let tries = 0; tries < 20; tries++) await ask(mintToken().text);
    // It was known here, and counts no more.
    expect(await ask(old.text)).toEqual([429, "3"]);
  });

  it("behind a trusted proxy is told apart by what the proxy says, and by nobody else's word", async () => {
    await api.close();
    api = await openApiFixture({ trusted_proxies: ["192.0.2.0/24"] }, clock);
    const from = async (forwarded: string, remoteAddress: string) => {
      const headers = { "x-auth-token": mintToken().text, "x-forwarded-for": forwarded };
      return (await api.app.inject({ url: "/v1/hosts", headers, remoteAddress })).statusCode;
    };
    for (let tries = 0; tries < 20; tries++) expect(await from("198.51.100.1", "192.0.2.7")).toBe(401);
    expect(await from("198.51.100.1", "192.0.2.8")).toBe(429);
    expect(await from("198.51.100.2", "192.0.2.7")).toBe(401);
    for (let tries = 0; tries < 20; tries++) await from(`198.51.100.${tries}`, "203.0.113.1");
    expect(await from("198.51.100.99", "203.0.113.1")).toBe(429);
  });

  it("with one token is told when to go on, and other tokens go on", async () => {
    for (let count = 0; count < 30; count++) expect(await ask(api.tokens.reader)).toEqual([200, undefined]);
    expect(await ask(api.tokens.reader)).toEqual([429, "1"]);
    expect(await ask(api.tokens.admin)).toEqual([200, undefined]);
    time.ms = 100;
    expect(await ask(api.tokens.reader)).toEqual([200, undefined]);
  });
});

it("no token, good or bad, comes into the log, whatever is logged", async () => {
  const lines: string[] = [];
  const write = (fields: object, sentence: string) => void lines.push(`${sentence} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: write, info: write, warn: write, error: write, child: () => logger };
  api = await openApiFixture({}, systemClock, logger);
  const tried = mintToken().text;
  await api.app.inject({ url: "/v1/hosts", headers: { "x-auth-token": tried } });
  await api.app.inject({ url: `/v2.1/servers?x=1`, headers: { authorization: `Bearer ${tried}` } });
  await api.app.inject({
    method: "POST",
    url: "/v2.1/servers/x/action",
    headers: { "x-auth-token": api.tokens.reader },
  });
  const made = await api.v1("POST", "/tokens", { name: "eve", role: "reader" });
  api.refuseNext(new DroverError("internal", "a bug"));
  await api.v1("PATCH", "/hosts/hosta", { enabled: false });
  await api.close();
  const { text } = made.body as { text: string };
  expect(lines.length).toBeGreaterThan(5);
  for (const token of [tried, text, ...Object.values(api.tokens)]) {
    expect(lines.join("\n")).not.toContain(token.slice("drv_0123456789ab_".length));
  }
});
