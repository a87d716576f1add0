import { expect, test } from "vitest";
import { handle } from "./bus.ts";
import { gate, rejection, sampleContracts } from "./bus-contract/sample.ts";
import { describeBusContract } from "./bus-contract.ts";
import { openInProcessBus } from "./in-process-bus.ts";

describeBusContract("in-process", {
  open: async () => {
    const bus = openInProcessBus();
    return { caller: bus, callee: bus };
  },
});

test("calls that had not begun are answered when their last server closes", async () => {
  const bus = openInProcessBus();
  const { start } = sampleContracts("t");
  const [begun, opened] = [gate(), gate()];
  let runs = 0;
  const wait = handle(start, async () => {
    runs += 1;
    begun.open();
    await opened.opened;
    return {};
  });
  const server = await bus.serve({ topic: "t", server: "hosta", handlers: [wait], maxInFlight: 1 });
  const first = bus.call(start, {});
  await begun.opened;
  const waiting = [bus.call(start, {}), bus.call(start, {}), bus.call(start, {}, { server: "hosta" })].map(rejection);
  const closed = server.close();
  for (const answer of waiting) {
    expect(await answer).toMatchObject({ code: "unavailable", message: expect.stringContaining("was not run") });
  }
  opened.open();
  expect(await first).toEqual({});
  await closed;
  expect(runs).toBe(1);
  await bus.close();
});

test("an address that no broker would take is refused here as well", async () => {
  const bus = openInProcessBus();
  const { start, note } = sampleContracts("t");
  const server = "h".repeat(300);
  for (const refused of [
    bus.call(start, {}, { server }),
    bus.cast(note, { text: "" }, { server }),
    bus.serve({ topic: "t", server, handlers: [] }),
  ]) {
    expect(await rejection(refused)).toMatchObject({ code: "bad-request", details: { field: "server" } });
  }
  await bus.close();
});
