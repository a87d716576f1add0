import { type Bus, defineCall, handle } from "@drover/bus";
import { z } from "zod";
import { openBusAt, untilConnected } from "../open-bus.ts";
import type { EchoSides } from "./echo-side.ts";

const SERVER = "echo-host";

const progress = z.object({
  migrationId: z.uuid(),
  server: z.uuid(),
  source: z.string().min(1),
  destination: z.string().min(1),
  memoryTotalBytes: z.int().nonnegative(),
  memoryRemainingBytes: z.int().nonnegative(),
  downtimeMs: z.int().nonnegative(),
  phase: z.string(),
  postCopy: z.boolean(),
  tags: z.array(z.string()),
});

const echo = defineCall({
  topic: "bench-echo",
  method: "echo",
  version: "1.0",
  access: "read",
  deadlineMs: 10_000,
  idempotent: true,
  request: progress,
  response: progress,
});

/** Drover's bus as its user writes it: both ends check the schemas, every promise of the bus holds. */
export const sides: EchoSides = {
  async serve(url) {
    const bus = await connectedBus(url, "bench-server");
    await bus.serve({ topic: echo.topic, server: SERVER, handlers: [handle(echo, async (request) => request)] });
  },

  async connect(url) {
    const bus = await connectedBus(url, "bench-client");
    return (payload) => bus.call(echo, { ...payload, tags: [...payload.tags] }, { server: SERVER });
  },
};

async function connectedBus(url: string, name: string): Promise<Bus> {
  const bus = openBusAt(url, name);
  await untilConnected(bus);
  return bus;
}
