/** Debian's python3-openstackclient, python3-novaclient and python3-openstacksdk against a Drover with simulated hosts. */
import { fileURLToPath } from "node:url";
import { type PythonProgram, startPython } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClientRow, novaRows, openstackRows, sdkRows } from "./client-table.ts";
import { filledIn, startWorld, type World } from "./world.ts";

let world: World;
let clients: PythonProgram;
beforeAll(async () => {
  world = await startWorld();
  const aggregate = { name: "fast", hosts: ["beta"], availabilityZone: "west", metadata: { ssd: "true" } };
  await world.plane.store.aggregates.create(aggregate);
  clients = await startPython({
    script: fileURLToPath(new URL("run-clients.py", import.meta.url)),
    modules: ["openstackclient", "novaclient", "openstack"],
    env: {
      ...{ OS_AUTH_TYPE: "admin_token", OS_ENDPOINT: world.url, OS_TOKEN: world.tokens.admin },
      // The nova command insists on these and uses neither.
      ...{ OS_COMPUTE_API_VERSION: "2.80", NOVA_PROJECT_ID: "admin", NOVA_URL: "http://127.0.0.1:1/unused" },
    },
  });
  expect(await clients.nextLine({ deadlineMs: 60_000 })).toBe("ready");
});
afterAll(async () => {
  await clients?.remove();
  await world?.[Symbol.asyncDispose]();
});

async function run({ command, role = "admin" }: ClientRow): Promise<{ readonly code: number; readonly says: string }> {
  const [client, ...words] = filledIn(world, command).split(" ");
  const token = role === "nobody" ? "notused" : world.tokens[role];
  // The openstack command reads the environment once.
  const argv = client === "openstack" ? ["--os-token", token, ...words] : words;
  clients.writeLine(JSON.stringify({ client, argv, env: { OS_TOKEN: token } }));
  const { code, out, err } = JSON.parse(await clients.nextLine({ deadlineMs: 30_000 }));
  return { code, says: `${out}${err}` };
}

describe.each(Object.entries({ openstack: openstackRows, nova: novaRows, sdk: sdkRows }))("%s", (_, rows) => {
  it.each(rows)("$command", async (row) => {
    const says = expect.stringMatching(new RegExp(filledIn(world, row.says.source), row.says.flags));
    expect(await run(row)).toEqual({ code: row.code ?? 0, says });
  });
});

it("and nothing was moved by any of them", async () => {
  const { migrations } = await world.plane.client.migrations();
  expect(migrations.map(({ server }) => server.name).sort()).toEqual(["moved", "moving", "waiting"]);
});
