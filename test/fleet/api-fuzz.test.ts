/**
 * Every route of the API, asked nonsense, over a whole plane: whatever comes, the answer is in the API's own form, is no
 * 500, and the API goes on. `DROVER_FUZZ_RUNS` and `DROVER_FUZZ_SEED` make it longer, and another one.
 */
import { text as textOf } from "node:stream/consumers";
import { apiConfig, createApi, policyTable } from "@drover/api";
import { type Logger, silentLogger, systemClock } from "@drover/model";
import { openMemoryProgress } from "@drover/progress";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isWatched, untilMigration } from "../integration/watching.ts";
import { type FuzzedRequest, type KnownNames, requestsTo } from "./fuzzed-requests.ts";
import { type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

const RUNS = Number(process.env.DROVER_FUZZ_RUNS ?? 20);
const SEED = Number(process.env.DROVER_FUZZ_SEED ?? 20_261_127);
/** Ask agents for every answer. */
const SLOW = /preflight/;
/** What Nova has and Drover has not; and that an agent, which nonsense may name, is nowhere. */
const ANSWERS_BEYOND_500 = new Set([501, 503, 504]);

let plane: SimulatedPlane;
let api: Awaited<ReturnType<typeof createApi>>;
let known: KnownNames;
/** What was logged as an error: a 500 says nothing of its cause. */
const errors: unknown[] = [];

beforeAll(async () => {
  plane = await startSimulatedPlane();
  const { bus, store, token } = plane;
  const servers = await Promise.all([
    plane.addGuest({ name: "running" }),
    plane.addGuest({ name: "off", running: false }),
    plane.addGuest({ name: "moving", memoryMiB: 4096, touchedMiB: 4000, workingSetMiB: 3000, dirtyMiBps: 900 }),
  ]);
  const { id, uuid } = (await plane.client.migrate("moving", { host: "beta" })).migration;
  await untilMigration(plane.client, id, "watched", isWatched);
  const others = (await plane.client.hosts()).hosts.flatMap((host) => [host.uuid, String(host.id)]);
  const migrations = [String(id), uuid];
  known = { token, servers: [...servers, "running"], hosts: ["alpha", "beta", "gamma"], migrations, others };
  const logger: Logger = { ...silentLogger, error: (fields) => void errors.push(fields) };
  const progress = openMemoryProgress({ clock: systemClock, logger });
  const config = apiConfig.parse({ port: 0 });
  api = await createApi({ bus, store, progress, logger, clock: systemClock, config });
});
afterAll(async () => {
  await api?.close();
  await plane?.[Symbol.asyncDispose]();
});

async function ask(request: FuzzedRequest): Promise<void> {
  const { payload, method, ...rest } = request;
  const answer = await api.inject({
    ...rest,
    method: method as "GET",
    ...(payload === undefined ? {} : { payload }),
    payloadAsStream: true,
  });
  const { statusCode, headers } = answer;
  const logged = errors.splice(0);
  const isFailure = statusCode >= 500 && !ANSWERS_BEYOND_500.has(statusCode);
  if (isFailure || (statusCode === 501 && logged.length > 0)) expect({ statusCode, logged }).toBe("an answer");
  const isEvents = String(headers["content-type"]).startsWith("text/event-stream");
  if (isEvents) return void answer.stream().destroy();
  const text = await textOf(answer.stream());
  if (statusCode >= 400) expect(Object.keys(JSON.parse(text))).toHaveLength(1);
}

it.each(Object.keys(policyTable))("%s is never answered with a failure of ours", async (route) => {
  const numRuns = SLOW.test(route) ? Math.ceil(RUNS / 4) : RUNS;
  await fc.assert(fc.asyncProperty(requestsTo(route, known), ask), { numRuns, seed: SEED, endOnFailure: true });
});

it.each([["GET", "/v2.1/os-hypervisors/1/uptime"]])("%s %s, which did once, is answered", async (method, url) => {
  await ask({ method, url, headers: { "x-auth-token": known.token }, payload: undefined, remoteAddress: "127.0.0.1" });
});

it("after all of it, the API and the servers go on", async () => {
  const { servers } = await plane.client.servers();
  expect(servers.map(({ name }) => name).sort()).toEqual(["moving", "off", "running"]);
  expect((await fetch(`${plane.client.url}/healthz`)).status).toBe(200);
});
