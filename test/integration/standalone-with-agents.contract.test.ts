/** What the README has for two hosts of one's own: the control plane in one process, and an agent on each host. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulatedFleet } from "@drover/libvirt-sim";
import { createOwnedFolder, startRabbitMq, startRedis, waitFor } from "@drover/testkit";
import { expect, it } from "vitest";
import { startAgentOf } from "./agent-of.ts";
import { standaloneFolders } from "./standalone-process.ts";
import { isOver, untilMigration, untilServerIsOn } from "./watching.ts";

it("a standalone Drover without simulated hosts moves a guest between those whose agents join it", async () => {
  await using started = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "drover-fleet-"));
  started.defer(() => rm(directory, { recursive: true }));
  const hosts = ["east", "west"].map((name) => ({ name }));
  const fleet = await startSimulatedFleet({ directory, hosts, networkDisks: false });
  started.defer(() => fleet.close());
  const [rabbit, redis] = await Promise.all([startRabbitMq(), startRedis()]);
  for (const service of [rabbit, redis]) started.use(service);
  const joined = {
    ...{ DROVER_BUS_DRIVER: "amqp", DROVER_BUS_URL: rabbit.url },
    ...{ DROVER_PROGRESS_DRIVER: "redis", DROVER_PROGRESS_URL: redis.url },
  };
  const folders = started.use(await standaloneFolders({ ...joined, DROVER_SIMULATOR_ENABLED: "false" }));
  const drover = await folders.start();
  expect(drover.output()).not.toContain("web-1");
  const folder = await createOwnedFolder({ kind: "drover" });
  started.defer(() => folder.remove());
  const env = { ...joined, DROVER_DATA_DIR: folder.path };
  for (const { name } of hosts) await startAgentOf(fleet, name, { folder, env });

  const { client } = drover;
  const up = async () => (await client.hosts()).hosts.filter(({ state }) => state === "up").map(({ name }) => name);
  await waitFor("both hosts to be up", async () => (await up()).length === hosts.length);
  const uuid = fleet.addGuest({ host: "east", name: "own", memoryMiB: 256, dirtyMiBps: 1 });
  await waitFor("the guest to be shown", () => client.server(uuid));
  const { migration } = await client.migrate("own");
  const ended = await untilMigration(client, migration.id, "over", isOver);
  expect(ended).toMatchObject({ state: "completed", destinationHost: "west" });
  await untilServerIsOn(client, "own", "west");
});
