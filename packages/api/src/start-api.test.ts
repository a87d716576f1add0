import { request } from "node:http";
import { silentLogger, systemClock } from "@drover/model";
import { createMetrics, type ReadinessEntry } from "@drover/service-kit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiConfig, apiConfig } from "./api-config.ts";
import { type ApiFixture, openApiFixture } from "./api-fixture.test.support.ts";
import { type RunningApi, startApi } from "./start-api.ts";

let fixture: ApiFixture;
let running: RunningApi[];
let checks: ReadinessEntry[];
let looks: number;
/** Looks are over when it is. */
let holdLooks: Promise<void> | undefined;
let monotonicMs: number;
let metrics: ReturnType<typeof createMetrics>;
beforeEach(async () => {
  fixture = await openApiFixture();
  running = [];
  checks = [];
  looks = 0;
  holdLooks = undefined;
  monotonicMs = 0;
  metrics = createMetrics("api");
});
afterEach(async () => {
  await Promise.all(running.map((api) => api.stop()));
  await fixture.close();
});

async function start(settings: Partial<ApiConfig>): Promise<RunningApi> {
  const config = { ...apiConfig.parse({}), ...settings };
  const { bus, store, progress } = fixture;
  const report = async () => {
    looks += 1;
    await holdLooks;
    return [...checks];
  };
  const clock = { ...systemClock, monotonicMs: () => monotonicMs };
  const given = { bus, store, progress, logger: silentLogger, clock, config, metrics };
  const api = await startApi({ ...given, readiness: { report } });
  running.push(api);
  return api;
}

async function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const sent = { "x-auth-token": fixture.tokens.reader, ...headers };
  request(url, { headers: sent, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
  })
    .on("error", reject)
    .end();
  return promise;
}

it("answers on its own port, and only to requests that name it", async () => {
  const { address } = await start({ host: "127.0.0.1", port: 0 });
  expect((await get(`${address}/v1/hosts`)).status).toBe(200);
  expect((await get(`${address}/v1/hosts`, { host: "127.0.0.1:1" })).status).toBe(403);
  const evil = await get(`${address}/v2.1/servers`, { host: `evil.example.org:${new URL(address).port}` });
  expect(evil.status).toBe(403);
  expect(evil.text).toContain("loopback");
  expect((await get(`${address}/v1/hosts`, { origin: address })).status).toBe(200);
});

it("says which port it could not have, and how to choose another", async () => {
  const { address } = await start({ host: "127.0.0.1", port: 0 });
  const port = Number(new URL(address).port);
  await expect(start({ host: "127.0.0.1", port })).rejects.toThrow(new RegExp(`127.0.0.1:${port}.*DROVER_API_PORT`));
});

it("refuses to listen beyond loopback without TLS unless told to, and to have half of a certificate", async () => {
  const everywhere = { host: "0.0.0.0", port: 0 };
  await expect(start(everywhere)).rejects.toThrow(/api\.host.*0\.0\.0\.0 without TLS.*tls_cert_path.*insecure/);
  await expect(start({ ...everywhere, tls_key_path: "/x" })).rejects.toThrow(/^api\.tls_cert_path: must be given too/);
  const gone = { tls_cert_path: "/nowhere/cert.pem", tls_key_path: "/nowhere/key.pem" };
  await expect(start({ ...everywhere, ...gone })).rejects.toThrow(/^api\.tls_cert_path: \/nowhere\/cert\.pem/);
  const { address } = await start({ ...everywhere, insecure: true });
  const { port } = new URL(address);
  // It may be asked by any name there.
  expect((await get(`http://127.0.0.1:${port}/v1/hosts`, { host: "drover.example" })).status).toBe(200);
  // Who has no token learns whether it is ready, and not what of.
  checks.push({ name: "store", ready: false, essential: true, since: null, problem: "db.internal is away" });
  const ready = await get(`http://127.0.0.1:${port}/readyz`);
  expect([ready.status, JSON.parse(ready.text)]).toEqual([503, { status: "waiting", service: "api" }]);
});

it("links to where the client is, by its own word or a trusted proxy's, and refuses a Host that is none", async () => {
  const { address } = await start({ host: "0.0.0.0", port: 0, insecure: true, trusted_proxies: ["127.0.0.1"] });
  const { port } = new URL(address);
  const self = async (headers: Record<string, string>) => {
    const { status, text } = await get(`http://127.0.0.1:${port}/v2.1/servers?limit=1`, headers);
    return status === 200 ? JSON.parse(text).servers_links[0].href : [status, JSON.parse(text)];
  };
  const page = "/v2.1/servers?limit=1&marker=";
  expect(await self({ host: "drover.example:8774" })).toContain(`http://drover.example:8774${page}`);
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "cloud.example" };
  expect(await self({ host: "10.0.0.7", ...forwarded })).toContain(`https://cloud.example${page}`);
  for (const host of ["no name", "a/b", "user@host", "host:123456"]) {
    expect(await self({ host })).toEqual([
      400,
      { badRequest: { code: 400, message: expect.stringContaining("Host") } },
    ]);
  }
});

it("is ready, degraded without what it can do without, and waiting for what it cannot", async () => {
  const { address } = await start({ host: "127.0.0.1", port: 0 });
  const since = "2026-01-01T00:00:00.000Z";
  const readyz = async () => {
    monotonicMs += 1_000;
    const { status, text } = await get(`${address}/readyz`);
    return { status, body: JSON.parse(text) };
  };
  expect((await get(`${address}/healthz`)).status).toBe(200);
  expect(await readyz()).toMatchObject({ status: 200, body: { status: "ready" } });
  checks.push({ name: "progress", ready: false, essential: false, since, problem: "away" });
  expect(await readyz()).toMatchObject({ status: 200, body: { status: "degraded", checks: [{ name: "progress" }] } });
  checks.push({ name: "store", ready: false, essential: true, since, problem: "away" });
  expect(await readyz()).toMatchObject({ status: 503, body: { status: "waiting" } });
});

it("looks at what it needs once in a second, however often it is asked whether it is ready", async () => {
  const { address } = await start({ host: "127.0.0.1", port: 0 });
  const ask = () => Promise.all(Array.from({ length: 5 }, () => get(`${address}/readyz`)));
  await ask();
  monotonicMs = 999;
  await ask();
  expect(looks).toBe(1);
  monotonicMs = 1_000;
  await ask();
  expect(looks).toBe(2);
});

it("answers what it was asked before its stop", async () => {
  const api = await start({ host: "127.0.0.1", port: 0 });
  const { promise, resolve: letGo } = Promise.withResolvers<void>();
  holdLooks = promise;
  const asked = get(`${api.address}/readyz`);
  await expect.poll(() => looks).toBe(1);
  const stopped = api.stop();
  letGo();
  expect((await asked).status).toBe(200);
  await stopped;
});

it("counts requests by route, not by url", async () => {
  const { address } = await start({ host: "127.0.0.1", port: 0 });
  await get(`${address}/v2.1/servers/nope`);
  expect(await metrics.text()).toMatch(
    /drover_http_request_seconds_count\{[^}]*route="\/v2.1\/servers\/:id",status="404"/,
  );
});
