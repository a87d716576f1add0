import { DroverError, systemClock } from "@drover/model";
import { expect, it } from "vitest";
import { handle } from "./bus.ts";
import { defineCall, defineCast, type Schema } from "./contract.ts";
import { openInProcessBus } from "./in-process-bus.ts";
import { observeBus } from "./observe-bus.ts";

const anything: Schema<object> = { parse: (input) => input as object };
const basics = { topic: "conductor", version: "1.0", access: "read", request: anything } as const;
const ask = defineCall({ ...basics, method: "ask", idempotent: true, response: anything, deadlineMs: 1000 });
const tell = defineCast({ ...basics, method: "tell" });

it("an observed bus tells of both ends of what passes it, errors by their code", async () => {
  const seen: string[] = [];
  const note = (end: string) => (method: string, seconds: number, code: string) => {
    expect(seconds).toBeGreaterThanOrEqual(0);
    seen.push(`${end} ${method}: ${code}`);
  };
  const bus = observeBus(openInProcessBus(), { sent: note("sent"), served: note("served") }, systemClock);
  const told = Promise.withResolvers<void>();
  await bus.serve({
    topic: "conductor",
    server: "one",
    handlers: [
      handle(ask, async (request) => {
        if ("wrong" in request) throw new DroverError("refused", "not today");
        return {};
      }),
      handle(tell, async () => told.resolve()),
    ],
  });
  await bus.call(ask, {});
  await expect(bus.call(ask, { wrong: true })).rejects.toMatchObject({ code: "refused" });
  await bus.cast(tell, {});
  await told.promise;
  await expect(bus.call({ ...ask, topic: "nowhere" }, {})).rejects.toMatchObject({ code: "agent-unreachable" });
  expect(seen.sort()).toEqual([
    "sent ask: agent-unreachable",
    "sent ask: ok",
    "sent ask: refused",
    "sent tell: ok",
    "served ask: ok",
    "served ask: refused",
    "served tell: ok",
  ]);
  await bus.close();
});
