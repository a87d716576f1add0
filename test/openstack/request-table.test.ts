import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actions, envelope, hosts, lists, serverMigrations, servers, type TableRow } from "./request-table.ts";
import { filledIn, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

async function send({ method, path, version, body, role = "admin" }: TableRow) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(world.url + filledIn(world, path), {
    method,
    headers: {
      "openstack-api-version": typeof version === "string" ? version : `compute 2.${version}`,
      ...(role === "nobody" ? {} : { "x-auth-token": world.tokens[role] }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(text === undefined ? {} : { body: text }),
  });
  const [fault] = Object.values((await response.json()) as Record<string, { code: number; message: string }>);
  return { status: response.status, code: fault?.code, message: fault?.message };
}

function expected({ status, message }: TableRow) {
  const words =
    typeof message === "string"
      ? filledIn(world, message)
      : expect.stringMatching(new RegExp(filledIn(world, message.source)));
  return { status, code: status, message: words };
}

describe.each(Object.entries({ envelope, servers, actions, serverMigrations, lists, hosts }))("%s", (_, rows) => {
  it.each(rows)("$method $path at $version with $body: $status", async (row) => {
    expect(await send(row)).toEqual(expected(row));
  });
});

it("and nothing came of any of them", async () => {
  const { migrations } = await world.plane.client.migrations();
  expect(migrations.map(({ server }) => server.name).sort()).toEqual(["moved", "moving", "waiting"]);
  expect((await world.plane.client.server("running")).server).toMatchObject({ host: "alpha", powerState: "running" });
});
