import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

const NOBODY = "6f6e0c5c-0000-4000-8000-00000000dead";

let plane: SimulatedPlane;
/** Uuids of a guest that runs, one that is off, and one that is being copied for as long as the tests take. */
let running: string;
let off: string;
let moving: string;
let copying: number;
let over: number;

beforeAll(async () => {
  plane = await startSimulatedPlane();
  [running, off, moving] = await Promise.all([
    plane.addGuest({ name: "running" }),
    plane.addGuest({ name: "off", running: false }),
    plane.addGuest({ name: "moving", memoryMiB: 4096, touchedMiB: 4000, workingSetMiB: 3000, dirtyMiBps: 900 }),
  ]);
  copying = (await plane.client.migrate("moving", { host: "beta" })).migration.id;
  await untilMigration(plane.client, copying, "watched", isWatched);
  const other = await plane.addGuest({ name: "moved" });
  over = (await plane.client.migrate(other, { host: "gamma" })).migration.id;
  await untilMigration(plane.client, over, "over", isOver);
});
afterAll(async () => {
  await plane?.[Symbol.asyncDispose]();
});

/** A request that cannot be done; `says` names what and why. */
interface Mistake {
  readonly what: string;
  readonly request: () => readonly [method: string, path: string, body?: unknown];
  readonly status: number;
  readonly says: RegExp;
}

const v1: readonly Mistake[] = [
  {
    what: "an unknown server",
    request: () => ["POST", `/v1/servers/${NOBODY}/migrations`, {}],
    status: 404,
    says: new RegExp(NOBODY),
  },
  {
    what: "an unknown name",
    request: () => ["POST", "/v1/servers/nobody/migrations", {}],
    status: 404,
    says: /nobody/,
  },
  {
    what: "an unknown host",
    request: () => ["POST", `/v1/servers/${running}/migrations`, { host: "delta" }],
    status: 404,
    says: /delta/,
  },
  {
    what: "the host it is on",
    request: () => ["POST", `/v1/servers/${running}/migrations`, { host: "alpha" }],
    status: 400,
    says: /running runs on alpha already/,
  },
  {
    what: "a server that is off",
    request: () => ["POST", `/v1/servers/${off}/migrations`, {}],
    status: 409,
    says: /off is shutoff on alpha/,
  },
  {
    what: "a server that is already migrating",
    request: () => ["POST", `/v1/servers/${moving}/migrations`, {}],
    status: 409,
    says: /moving is already migrating/,
  },
  {
    what: "an unknown migration",
    request: () => ["POST", "/v1/migrations/4711/abort"],
    status: 404,
    says: /4711/,
  },
  {
    what: "an abort of what is over",
    request: () => ["POST", `/v1/migrations/${over}/abort`],
    status: 409,
    says: /already completed/,
  },
  {
    what: "a force-complete of what is over",
    request: () => ["POST", `/v1/migrations/${over}/force-complete`],
    status: 409,
    says: /already completed/,
  },
  {
    what: "a field of the wrong type",
    request: () => ["POST", `/v1/servers/${running}/migrations`, { host: 7 }],
    status: 400,
    says: /host/,
  },
  {
    what: "a field that does not exist",
    request: () => ["POST", `/v1/servers/${running}/migrations`, { hots: "beta" }],
    status: 400,
    says: /hots/,
  },
  {
    what: "a body that is not JSON",
    request: () => ["POST", `/v1/servers/${running}/migrations`, "{"],
    status: 400,
    says: /JSON/,
  },
  {
    what: "a path that does not exist",
    request: () => ["GET", "/v1/sservers"],
    status: 404,
    says: /sservers/,
  },
];

async function send(mistake: Mistake): Promise<{ status: number; error: { message: string; code: unknown } }> {
  const [method, path, body] = mistake.request();
  const response = await fetch(`${plane.client.url}${path}`, {
    method,
    headers: {
      "x-auth-token": plane.token,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const answer = Object.values((await response.json()) as Record<string, { message: string; code: unknown }>);
  return { status: response.status, error: answer[0] ?? { message: "", code: null } };
}

describe("a request of /v1 that cannot be done is answered with what and why", () => {
  it.each(v1)("$what", async (mistake) => {
    const { status, error } = await send(mistake);
    expect({ status, message: error.message }).toEqual({
      status: mistake.status,
      message: expect.stringMatching(mistake.says),
    });
    expect(error.code).toMatch(/^[a-z-]+$/);
  });

  it("and nothing came of any of them", async () => {
    const { migrations } = await plane.client.migrations();
    expect(migrations.map((migration) => migration.id).sort()).toEqual([copying, over].sort());
    expect((await plane.client.server(running)).server).toMatchObject({ host: "alpha", powerState: "running" });
    expect(await plane.store.claims.list()).toHaveLength(1);
    await plane.client.abort(copying);
    expect(await untilMigration(plane.client, copying, "over", isOver)).toMatchObject({ state: "cancelled" });
    expect(await plane.store.claims.list()).toEqual([]);
  });
});
