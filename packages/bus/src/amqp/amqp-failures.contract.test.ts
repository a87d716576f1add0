import type { DroverError } from "@drover/model";
import { freePort, type RabbitMq, startRabbitMq } from "@drover/testkit";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { brokerTestBed, connected, newTopic } from "../broker-test-bed.test.support.ts";
import { handle } from "../bus.ts";
import { gate, rejection, type SampleContracts } from "../bus-contract.ts";
import { recordingLogger } from "../recording-logger.test.support.ts";

const { amqpBus, bareAmqp, severableWay } = brokerTestBed(onTestFinished);

let broker: RabbitMq;
let topic: string;
let contracts: SampleContracts;

beforeAll(async () => {
  broker = await startRabbitMq();
});

afterAll(async () => {
  await broker?.remove();
});

beforeEach(() => {
  ({ topic, contracts } = newTopic());
});

const connectedBus = (name: string) => connected(amqpBus({ urls: [broker.url], name }));

/** Handlers for calls that stay under way until `finish` is opened. */
function slowHandlers(finish: { opened: Promise<void> }, runs: string[]) {
  return [contracts.wait, contracts.start].map((contract) =>
    handle(contract, async () => {
      runs.push(contract.method);
      await finish.opened;
      return {};
    }),
  );
}

test("a cast whose server dies before it is done reaches another", async () => {
  const caller = await connectedBus("caller");
  const { url, proxy } = await severableWay(broker);
  const dying = await connected(amqpBus({ urls: [url], name: "dying" }));
  const finish = gate();
  const heard: string[] = [];
  const listen = (server: string, until: Promise<void>) =>
    handle(contracts.note, async ({ text }) => {
      heard.push(`${server}:${text}`);
      await until;
    });
  await dying.serve({ topic, server: "hosta", handlers: [listen("hosta", finish.opened)] });
  await caller.cast(contracts.note, { text: "one" });
  await vi.waitFor(() => expect(heard).toEqual(["hosta:one"]));
  const heir = await connectedBus("heir");
  await heir.serve({ topic, server: "hostb", handlers: [listen("hostb", Promise.resolve())] });
  proxy.severForEver();
  await vi.waitFor(() => expect(heard).toEqual(["hosta:one", "hostb:one"]));
  finish.open();
});

test("a call that was given to a server that died is not run again, and its caller told", async () => {
  const callee = await connectedBus("callee");
  const finish = gate();
  const runs: string[] = [];
  const model = await bareAmqp(broker.url);
  const channel = await model.createChannel();
  const caller = await connectedBus("caller");
  // A consumer that takes the call and goes without acknowledging it, as a process killed at the wrong moment.
  await channel.assertQueue(topic, { durable: true });
  await channel.consume(topic, () => void model.close());
  const call = rejection(caller.call(contracts.start, {}));
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, runs) });
  expect(await call).toMatchObject({ code: "outcome-unknown" });
  expect(runs).toEqual([]);
});

test("a queue deleted under its server is declared and consumed again", async () => {
  const caller = await connectedBus("caller");
  const callee = await connectedBus("callee");
  const finish = gate();
  finish.open();
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, []) });
  const channel = await (await bareAmqp(broker.url)).createChannel();
  await channel.deleteQueue(`${topic}.hosta`);
  await vi.waitFor(async () => {
    expect(await caller.call(contracts.wait, {}, { server: "hosta" })).toEqual({});
  }, 10_000);
});

test("a queue that somebody keeps for himself refuses its own callers, and costs the others nothing", async () => {
  const caller = await connectedBus("caller");
  const finish = gate();
  finish.open();
  await caller.serve({ topic, server: "hosta", handlers: slowHandlers(finish, []) });
  const channel = await (await bareAmqp(broker.url)).createChannel();
  await channel.assertQueue(`${topic}.evil`, { exclusive: true, durable: false });
  const evil: Promise<DroverError>[] = [];
  const good: Promise<unknown>[] = [];
  for (let round = 0; round < 5; round += 1) {
    evil.push(rejection(caller.call(contracts.wait, {}, { server: "evil" })));
    evil.push(rejection(caller.call(contracts.wait, {}, { server: `nobody${round}` })));
    good.push(caller.call(contracts.wait, {}, { server: "hosta" }));
    await Promise.all(good);
  }
  const codes = (await Promise.all(evil)).map(({ code }) => code);
  expect(new Set(codes)).toEqual(new Set(["refused", "agent-unreachable"]));
  const refused = await rejection(caller.call(contracts.wait, {}, { server: "evil" }));
  expect(String(refused.cause)).toContain("405");
  expect(caller.status()).toBe("connected");
});

test("a call under way when its bus is closed says so, and whether it may have been carried out", async () => {
  const caller = await connectedBus("caller");
  const callee = await connectedBus("callee");
  const finish = gate();
  const runs: string[] = [];
  await callee.serve({ topic, server: "hosta", handlers: slowHandlers(finish, runs) });
  const call = rejection(caller.call(contracts.start, {}));
  await vi.waitFor(() => expect(runs).toEqual(["start"]));
  await caller.close();
  const error = await call;
  expect(error.code).toBe("outcome-unknown");
  expect(error.message).toContain("the bus was closed");
  finish.open();
});

test("a call to a broker that hangs ends with its deadline, as one that was not sent", async () => {
  const caller = await connectedBus("caller");
  broker.freeze();
  try {
    // Its threads stop one after the other: it may answer a moment longer.
    await vi.waitFor(async () => {
      const error = await rejection(caller.call(contracts.wait, {}, { deadlineMs: 300 }));
      expect(error.code).toBe("unavailable");
    });
  } finally {
    broker.thaw();
  }
});

test("no log line has the broker's password, whatever goes wrong", async () => {
  const logger = recordingLogger();
  const wrong = new URL(broker.url);
  wrong.password = "wrong-secret";
  const nowhere = `amqp://drover:wrong-secret@127.0.0.1:${await freePort()}`;
  const bus = amqpBus({ urls: [wrong.href, nowhere], logger });
  await vi.waitFor(() => expect(logger.lines.length).toBeGreaterThan(2), 20_000);
  expect(bus.status()).toBe("connecting");
  const error = await rejection(bus.call(contracts.wait, {}, { deadlineMs: 100 }));
  expect(error.code).toBe("unavailable");
  expect(JSON.stringify([logger.lines, error.message, String(error.cause)])).not.toContain("wrong-secret");
});

test("a broker killed and restarted under way is found again, with what it had promised to keep", async () => {
  const caller = await connectedBus("caller");
  const callee = await connectedBus("callee");
  const finish = gate();
  const runs: string[] = [];
  const heard: string[] = [];
  const listen = handle(contracts.note, async ({ text }) => void heard.push(text));
  const away = await callee.serve({ topic, server: "hosta", handlers: [listen] });
  await away.close();
  await caller.cast(contracts.note, { text: "kept" }, { server: "hosta" });
  await callee.serve({ topic, server: "hostb", handlers: slowHandlers(finish, runs) });
  const starting = rejection(caller.call(contracts.start, {}, { server: "hostb" }));
  await vi.waitFor(() => expect(runs).toEqual(["start"]));

  await broker.kill9();
  expect((await starting).code).toBe("outcome-unknown");
  expect(caller.status()).toBe("connecting");
  expect((await rejection(caller.call(contracts.wait, {}, { deadlineMs: 300 }))).code).toBe("unavailable");
  finish.open();
  // A process that starts meanwhile fails at nothing: it serves as soon as the broker is there.
  const late = amqpBus({ urls: [broker.url], name: "late" });
  await late.serve({ topic, server: "hosta", handlers: [listen] });
  expect(late.status()).toBe("connecting");

  await broker.start();
  await Promise.all([caller, callee, late].map(connected));
  await vi.waitFor(() => expect(heard).toEqual(["kept"]));
  expect(await caller.call(contracts.start, {}, { server: "hostb" })).toEqual({});
  expect(runs).toEqual(["start", "start"]);
}, 120_000);
