import type { DroverClient } from "@drover/api-client";
import { type RealService, startNats, startRabbitMq, waitFor } from "@drover/testkit";
import { standaloneFolders } from "./standalone-process.ts";

/** All of Drover in one process over simulated hosts, its bus a real broker's. */
export interface BrokerPlane extends AsyncDisposable {
  readonly broker: RealService;
  readonly client: DroverClient;
}

/** Resolves when every server is reported. */
export async function startBrokerPlane(driver: "amqp" | "nats"): Promise<BrokerPlane> {
  await using started = new AsyncDisposableStack();
  const broker = driver === "amqp" ? await startRabbitMq() : await startNats();
  started.defer(() => broker.remove());
  const folders = started.use(await standaloneFolders({ DROVER_BUS_DRIVER: driver, DROVER_BUS_URL: broker.url }));
  const { client } = started.use(await folders.start());
  await waitFor("every server to be reported", async () => (await client.servers()).servers.length === 7);
  const running = started.move();
  return { broker, client, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
