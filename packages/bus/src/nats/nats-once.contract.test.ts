import { type Clock, systemClock } from "@drover/model";
import { type Nats, startNats } from "@drover/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { brokerTestBed, connected, newTopic } from "../broker-test-bed.test.support.ts";
import { type Bus, handle } from "../bus.ts";
import { gate, rejection } from "../bus-contract.ts";
import type { ParkedMessage } from "../parked.ts";

const { natsBus } = brokerTestBed(onTestFinished);

/** May listen to answers, and to no topic. */
const WEAK = {
  user: "weak",
  password: "secret",
  publish: ["_INBOX.>"],
  subscribe: ["_INBOX.>", "drover.reply.weak.>"],
};

let broker: Nats;

beforeAll(async () => {
  broker = await startNats({ users: [WEAK] });
});

afterAll(async () => {
  await broker?.remove();
});

const openBus = (clock: Clock = systemClock, url = broker.url) => connected(natsBus({ urls: [url], clock }));

/** A clock that tells how many sleep by it: what would keep a process from ending. */
function watchedClock(): { readonly clock: Clock; sleepers(): number } {
  let sleepers = 0;
  const sleep: Clock["sleep"] = async (ms, signal) => {
    sleepers += 1;
    try {
      await systemClock.sleep(ms, signal);
    } finally {
      sleepers -= 1;
    }
  };
  return { clock: { ...systemClock, sleep }, sleepers: () => sleepers };
}

/** Serves a cast that fails for good, and gives what was parked of one. */
async function parkOne(bus: Bus, heard: string[], text = "no"): Promise<ParkedMessage & { readonly topic: string }> {
  const { topic, contracts } = newTopic();
  const note = handle(contracts.note, async ({ text: said }) => {
    heard.push(said.slice(0, 10));
    if (heard.length <= 5) throw new Error("not yet");
  });
  await bus.serve({ topic, server: "hosta", handlers: [note] });
  await bus.cast(contracts.note, { text }, { server: "hosta" });
  const parked = await vi.waitFor(async () => {
    const found = (await bus.listParked(1_000)).find(({ queue }) => queue === `${topic}.hosta`);
    if (found === undefined) throw new Error("nothing is parked yet");
    return found;
  }, 15_000);
  return { ...parked, topic };
}

test("a call to a name that two processes serve runs in one of them", async () => {
  const { topic, contracts } = newTopic();
  const ran: string[] = [];
  for (const name of ["frozen", "its replacement"]) {
    const bus = await openBus();
    const start = handle(contracts.start, async () => {
      ran.push(name);
      return {};
    });
    await bus.serve({ topic, server: "hosta", handlers: [start] });
  }
  const caller = await openBus();
  for (let call = 0; call < 20; call += 1) await caller.call(contracts.start, {}, { server: "hosta" });
  await caller.ping();
  expect(ran).toHaveLength(20);
});

test("of several that send a parked message again at once, one does", async () => {
  const heard: string[] = [];
  const buses = [await openBus(), await openBus(), await openBus()] as const;
  const { id } = await parkOne(buses[0], heard);
  expect(heard).toHaveLength(5);
  const outcomes = await Promise.allSettled(buses.map((bus) => bus.releaseParked(id, "send-again")));
  const losers = outcomes.filter((outcome) => outcome.status === "rejected");
  expect(losers.map(({ reason }) => reason)).toEqual(Array(2).fill(expect.objectContaining({ code: "not-found" })));
  await vi.waitFor(() => expect(heard).toHaveLength(6));
  const { contracts, topic } = newTopic();
  const later = gate();
  await buses[1].serve({ topic, server: "hosta", handlers: [handle(contracts.note, async () => later.open())] });
  await buses[1].cast(contracts.note, { text: "later" }, { server: "hosta" });
  await later.opened;
  expect(heard).toHaveLength(6);
});

test("of several that discard a parked message at once, one does", async () => {
  const buses = [await openBus(), await openBus(), await openBus()] as const;
  const { id } = await parkOne(buses[0], []);
  const outcomes = await Promise.allSettled(buses.map((bus) => bus.releaseParked(id, "discard")));
  const losers = outcomes.filter((outcome) => outcome.status === "rejected");
  expect(losers.map(({ reason }) => reason)).toEqual(Array(2).fill(expect.objectContaining({ code: "not-found" })));
});

test.each(["", "x", "0-x", "1-x", "-1-x", "00-x", "1e3-x", "99999999999999999999-x", "9007199254740991-x"])(
  "no message is parked by the id %j",
  async (id) => {
    const bus = await openBus();
    for (const release of ["send-again", "discard"] as const) {
      expect(await rejection(bus.releaseParked(id, release))).toMatchObject({ code: "not-found" });
    }
  },
);

test("a cast whose body is too large to keep is tried five times, parked, and can be thrown away", async () => {
  const heard: string[] = [];
  const bus = await openBus();
  const { id, tries } = await parkOne(bus, heard, "x".repeat(900_000));
  expect([tries, heard.length]).toEqual([5, 5]);
  expect(await rejection(bus.releaseParked(id, "send-again"))).toMatchObject({ code: "refused" });
  await bus.releaseParked(id, "discard");
  expect(await rejection(bus.releaseParked(id, "discard"))).toMatchObject({ code: "not-found" });
});

test("a server that was refused leaves nothing behind", async () => {
  const { clock, sleepers } = watchedClock();
  const { topic } = newTopic();
  const bus = await openBus(clock, broker.urlFor(WEAK.user));
  expect(await rejection(bus.serve({ topic, server: "hosta", handlers: [] }))).toMatchObject({ code: "refused" });
  await vi.waitFor(() => expect(sleepers()).toBe(0));
  await bus.close();
});

test("a bus that is closed while a topic begins to be served leaves nothing behind", async () => {
  const { clock, sleepers } = watchedClock();
  const { topic } = newTopic();
  const bus = await openBus(clock);
  const serving = rejection(bus.serve({ topic, server: "hosta", handlers: [] }));
  await bus.close();
  expect(await serving).toMatchObject({ code: "unavailable" });
  await vi.waitFor(() => expect(sleepers()).toBe(0));
});

test.each([
  ["empty", ""],
  ["with a control character", "host\n"],
  ["too long", "x".repeat(300)],
])("a server's name is not %s", async (_what, server) => {
  const { topic, contracts } = newTopic();
  const bus = await openBus();
  const field = { code: "bad-request", details: { field: "server" } };
  expect(await rejection(bus.serve({ topic, server, handlers: [] }))).toMatchObject(field);
  expect(await rejection(bus.call(contracts.wait, {}, { server }))).toMatchObject(field);
  expect(await rejection(bus.cast(contracts.note, { text: "" }, { server }))).toMatchObject(field);
});
