import { freePort } from "@drover/testkit";
import { afterEach, expect, test } from "vitest";
import { openAmqpBus } from "./amqp/amqp-bus.ts";
import { Bound } from "./bound.ts";
import { type Bus, handle } from "./bus.ts";
import { rejection, sampleContracts } from "./bus-contract.ts";
import { openInProcessBus } from "./in-process-bus.ts";
import { openNatsBus } from "./nats/nats-bus.ts";

const LIMIT = 10_000;

let bus: Bus | undefined;
afterEach(() => bus?.close());

test("what is over the limit is refused, until something has ended", async () => {
  const bound = new Bound("walks", 2);
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = bound.hold("walking", () => promise);
  const second = bound.hold("walking", () => promise);
  const refusal = { code: "unavailable", message: "walking: 2 walks are under way already" };
  expect(await rejection(bound.hold("walking", () => promise))).toMatchObject(refusal);
  resolve("done");
  expect(await Promise.all([first, second])).toEqual(["done", "done"]);
  expect(await bound.hold("walking", async () => "third")).toBe("third");
});

test("what fails has ended", async () => {
  const bound = new Bound("walks", 1);
  await expect(bound.hold("walking", () => Promise.reject(new Error("fell")))).rejects.toThrow("fell");
  expect(await bound.hold("walking", async () => "second")).toBe("second");
});

/** So many at once; resolves when each has ended. */
function many(send: () => Promise<unknown> | undefined) {
  return Promise.allSettled(Array.from({ length: LIMIT }, send));
}

test("in-process: calls that wait for their answers count", async () => {
  bus = openInProcessBus();
  const { wait } = sampleContracts("busy");
  const handlers = [
    handle(wait, (_, { signal }) => new Promise((_resolve, fail) => signal.addEventListener("abort", fail))),
  ];
  await bus.serve({ topic: "busy", server: "hosta", handlers });
  const calls = many(() => bus?.call(wait, {}));
  const message = `calling wait: ${LIMIT} calls are under way already`;
  expect(await rejection(bus.call(wait, {}))).toMatchObject({ code: "unavailable", message });
  await bus.close();
  expect(new Set((await calls).map(({ status }) => status))).toEqual(new Set(["rejected"]));
});

const drivers = {
  amqp: (port: number) => openAmqpBus({ urls: [`amqp://127.0.0.1:${port}`], name: "lonely" }),
  nats: (port: number) => openNatsBus({ urls: [`nats://127.0.0.1:${port}`], name: "lonely" }),
};

for (const [name, open] of Object.entries(drivers)) {
  test(`${name}: calls and casts that wait for a lost broker count`, async () => {
    bus = open(await freePort());
    const { wait, note } = sampleContracts("nowhere");
    const away = new AbortController();
    const calls = many(() => bus?.call(wait, {}, { signal: away.signal }));
    const casts = many(() => bus?.cast(note, { text: "" }));
    const tooMany = [bus.call(wait, {}), bus.cast(note, { text: "" })];
    expect(await Promise.all(tooMany.map(rejection))).toMatchObject([
      { code: "unavailable", message: `calling wait: ${LIMIT} calls are under way already` },
      { code: "unavailable", message: `sending note: ${LIMIT} casts are under way already` },
    ]);
    away.abort(new Error("no more"));
    expect(new Set((await calls).map(({ status }) => status))).toEqual(new Set(["rejected"]));
    expect(await rejection(bus.call(wait, {}, { deadlineMs: 1 }))).toMatchObject({ message: "sending wait" });
    await bus.close();
    expect(new Set((await casts).map(({ status }) => status))).toEqual(new Set(["rejected"]));
  });
}
