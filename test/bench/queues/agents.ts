/**
 * What so many agents have at a broker, without the agents: `agents.ts COUNT CONNECTIONS URL`. Each connection serves
 * the two topics of its share of the hosts with the bus that agents use, so that queues, bindings and consumers are theirs.
 *
 * Writes `{"ready":true}` when all is declared. Answers `{"until":"lost"}` when no connection is left, and
 * `{"until":"served"}` when every one has declared everything again.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { type Bus, defineCall, handle } from "@drover/bus";
import { z } from "zod";
import { openBusAt, untilConnected } from "../open-bus.ts";

const [agents = 0, connections = 0] = process.argv.slice(2, 4).map(Number);
const url = process.argv[4] ?? "";

const buses = await Promise.all(Array.from({ length: connections }, (_, index) => serveShare(index)));
say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { until } = JSON.parse(line);
  await Promise.all(buses.map(until === "lost" ? untilLost : untilConnected));
  say({ until });
}
process.exit();

/** The hosts whose number leaves `index` when divided by the number of connections. */
async function serveShare(index: number): Promise<Bus> {
  const bus = openBusAt(url, `bench-agents-${index}`);
  await untilConnected(bus);
  for (let host = index; host < agents; host += connections) {
    for (const topic of ["compute", "compute-control"]) {
      await bus.serve({
        topic,
        server: `host-${String(host).padStart(5, "0")}`,
        handlers: [handle(ping(topic), answer)],
      });
    }
  }
  return bus;
}

function ping(topic: string) {
  return defineCall({
    topic,
    method: "ping",
    version: "1.0",
    access: "read",
    deadlineMs: 10_000,
    idempotent: true,
    request: z.object({}),
    response: z.object({}),
  });
}

async function answer(): Promise<Record<string, never>> {
  return {};
}

async function untilLost(bus: Bus): Promise<void> {
  while (bus.status() === "connected") await delay(10);
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
