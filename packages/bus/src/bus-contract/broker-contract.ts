import { describe, expect, test, vi } from "vitest";
import { type Bus, handle, type RpcHandler } from "../bus.ts";
import type { BrokerUnderTest, SeverableBus } from "./bus-under-test.ts";
import { parkedOf } from "./cast-contract.ts";
import type { ContractBed } from "./contract-bed.ts";
import { addHandler, gate, rejection } from "./sample.ts";

const RECONNECT_LIMIT_MS = 30_000;
/** A broker takes seconds to start. */
const RESTART_TEST_MS = 180_000;

/** What is left of the promises while the broker dies, connections break, and others send what they should not. */
export function describeBroker(bed: ContractBed, broker: BrokerUnderTest): void {
  const connected = (bus: Bus) => vi.waitFor(() => expect(bus.status()).toBe("connected"), RECONNECT_LIMIT_MS);
  const listen = (heard: string[], until: Promise<void> = Promise.resolve()): RpcHandler =>
    handle(bed.contracts.note, async ({ text }) => {
      heard.push(text);
      await until;
    });
  /** Handlers for calls that stay under way until `finish` opens. */
  const slowHandlers = (finish: { readonly opened: Promise<void> }, runs: string[]): RpcHandler[] =>
    [bed.contracts.wait, bed.contracts.start].map((contract) =>
      handle(contract, async () => {
        runs.push(contract.method);
        await finish.opened;
        return {};
      }),
    );
  const openAnother = async (name: string): Promise<Bus> => {
    const bus = await broker.openAnother(name);
    bed.afterwards(() => bus.close());
    return bus;
  };
  const openAgent = async (host: string): Promise<Bus> => {
    const bus = await broker.openAgent(host);
    bed.afterwards(() => bus.close());
    return bus;
  };
  const openThroughProxy = async (name: string): Promise<SeverableBus> => {
    const severable = await broker.openThroughProxy(name);
    bed.afterwards(() => severable.closeProxy());
    bed.afterwards(() => severable.bus.close());
    return severable;
  };

  test("a server whose caller is gone answers nobody, and serves the others", async () => {
    const leaving = await openAnother("leaving");
    const finish = gate();
    const runs: string[] = [];
    await bed.serve("hosta", ...slowHandlers(finish, runs), addHandler(bed.contracts));
    const call = rejection(leaving.call(bed.contracts.start, {}));
    await vi.waitFor(() => expect(runs).toEqual(["start"]));
    await leaving.close();
    expect((await call).code).toBe("outcome-unknown");
    finish.open();
    expect(await bed.caller.call(bed.contracts.add, { a: 1, nested: { b: 2 } })).toEqual({ sum: 3 });
    expect(await bed.caller.call(bed.contracts.start, {})).toEqual({});
  });

  test("bytes that are no request are parked as they are, and others pass", async () => {
    const heard: string[] = [];
    await bed.serve("hosta", listen(heard));
    await broker.sendGarbage(`${bed.topic}.hosta`, Buffer.from([0xff, 0x00, 0x7b]));
    await broker.sendGarbage(bed.topic, Buffer.from('{"hello": "world"}'));
    await bed.caller.cast(bed.contracts.note, { text: "good" }, { server: "hosta" });
    await vi.waitFor(() => expect(heard).toEqual(["good"]));
    const parked = await parkedOf(bed, 2);
    const unreadable = { method: null, requestId: null, tries: 1, server: "hosta" };
    expect(parked.map(({ queue }) => queue).sort()).toEqual([bed.topic, `${bed.topic}.hosta`]);
    for (const message of parked) expect(message).toMatchObject({ ...unreadable, reason: { code: "protocol" } });
    for (const { id } of parked) await bed.caller.releaseParked(id, "discard");
    expect(await parkedOf(bed)).toEqual([]);
  });

  describe("an agent's user", () => {
    test("may ask and report on its own host, and commands nobody", async () => {
      const agent = await openAgent("hosta");
      const { ask, report, add, order, wait, note } = bed.contracts;
      const obeyed: string[] = [];
      await bed.serve(
        "hostb",
        addHandler(bed.contracts),
        handle(ask, async () => ({})),
        handle(report, async () => ({})),
        handle(order, async ({ text }) => void obeyed.push(text)),
        handle({ ...wait, access: "command" }, async () => ({})),
        handle(note, async ({ text }) => void obeyed.push(text)),
      );
      expect(await agent.call(add, { a: 1, nested: { b: 2 } })).toEqual({ sum: 3 });
      expect(await agent.call(report, { host: "hosta" })).toEqual({});
      for (const forbidden of [agent.call(report, { host: "hostb" }), agent.call(ask, {}), agent.call(wait, {})]) {
        expect(await rejection(forbidden)).toMatchObject({ code: "forbidden" });
      }
      // A cast has nobody to answer: it is dropped. One that may be sent comes after it on the same connection.
      await agent.cast(order, { text: "obey" }, { server: "hostb" });
      await agent.cast(note, { text: "noted" }, { server: "hostb" });
      await vi.waitFor(() => expect(obeyed).toEqual(["noted"]));
      await bed.caller.cast(order, { text: "obey us" }, { server: "hostb" });
      await vi.waitFor(() => expect(obeyed).toEqual(["noted", "obey us"]));
      expect(await parkedOf(bed)).toEqual([]);
    });
  });

  describe("a connection that breaks", () => {
    test("in a call tells the caller that the outcome is unknown, or that it may ask again", async () => {
      const { bus: caller, sever } = await openThroughProxy("caller");
      const finish = gate();
      const runs: string[] = [];
      await bed.serve("hosta", ...slowHandlers(finish, runs));
      const starting = rejection(caller.call(bed.contracts.start, {}));
      const waiting = rejection(caller.call(bed.contracts.wait, {}));
      await vi.waitFor(() => expect(runs).toHaveLength(2));
      sever();
      expect(await starting).toMatchObject({ code: "outcome-unknown" });
      expect(await waiting).toMatchObject({ code: "unavailable" });
      finish.open();
      await connected(caller);
      expect(await caller.call(bed.contracts.start, {})).toEqual({});
      expect(runs.filter((method) => method === "start")).toHaveLength(2);
    });

    test("under a server in a call lets it answer when it is back, having run it once", async () => {
      const { bus: callee, sever } = await openThroughProxy("callee");
      const finish = gate();
      const runs: string[] = [];
      await bed.serveWith({ server: "hosta", handlers: slowHandlers(finish, runs) }, callee);
      const call = bed.caller.call(bed.contracts.start, {});
      await vi.waitFor(() => expect(runs).toEqual(["start"]));
      sever();
      await vi.waitFor(() => expect(callee.status()).toBe("connecting"));
      finish.open();
      expect(await call).toEqual({});
      await connected(callee);
      expect(await bed.caller.call(bed.contracts.start, {}, { server: "hosta" })).toEqual({});
      expect(runs).toEqual(["start", "start"]);
    });

    test("under a server in a cast lets it run once", async () => {
      const { bus: callee, sever } = await openThroughProxy("callee");
      const finish = gate();
      const heard: string[] = [];
      await bed.serveWith({ server: "hosta", handlers: [listen(heard, finish.opened)] }, callee);
      await bed.caller.cast(bed.contracts.note, { text: "one" }, { server: "hosta" });
      await vi.waitFor(() => expect(heard).toEqual(["one"]));
      sever();
      await vi.waitFor(() => expect(callee.status()).toBe("connecting"));
      await connected(callee);
      finish.open();
      await bed.caller.cast(bed.contracts.note, { text: "two" }, { server: "hosta" });
      await vi.waitFor(() => expect(heard).toEqual(["one", "two"]), RECONNECT_LIMIT_MS);
      await callee.close();
      // What was done does not wait for the next server.
      await bed.serve("hosta", listen(heard));
      await bed.caller.cast(bed.contracts.note, { text: "three" }, { server: "hosta" });
      await vi.waitFor(() => expect(heard).toEqual(["one", "two", "three"]));
    });

    test.each([1, 100, 20_000])("%d bytes into a message leaves nothing half delivered", async (bytes) => {
      const { bus: caller, cutAfter } = await openThroughProxy("caller");
      const heard: string[] = [];
      const runs: string[] = [];
      const { note, start } = bed.contracts;
      const finish = gate();
      finish.open();
      await bed.serve("hosta", listen(heard), ...slowHandlers(finish, runs));
      const text = "x".repeat(100_000);
      // Whatever the sender asks first, this much of it passes.
      await caller.cast(note, { text: "before" }, { server: "hosta" });
      cutAfter(bytes);
      const cast = await caller.cast(note, { text }, { server: "hosta" }).then(
        () => "arrived",
        (error: unknown) => error,
      );
      if (cast !== "arrived") expect(cast).toMatchObject({ code: "unavailable" });
      await connected(caller);
      cutAfter(bytes);
      const context = { requestId: text };
      const call = await caller.call(start, {}, { server: "hosta", context }).then(
        () => "answered",
        (error: unknown) => error,
      );
      if (call === "answered") expect(runs).toEqual(["start"]);
      else expect(call).toMatchObject({ code: expect.stringMatching(/^(unavailable|outcome-unknown)$/) });
      await connected(caller);
      await caller.cast(note, { text: "after" }, { server: "hosta" });
      await vi.waitFor(() => expect(heard).toContain("after"));
      expect(heard.filter((part) => part === text).length).toBeLessThanOrEqual(1);
      expect(heard.every((part) => ["before", text, "after"].includes(part))).toBe(true);
      if (cast === "arrived") expect(heard).toContain(text);
      expect(await parkedOf(bed)).toEqual([]);
    });
  });

  describe("a broker killed and started again", () => {
    test(
      "is found again, with what it had promised to keep",
      async () => {
        const { note, start, wait } = bed.contracts;
        const finish = gate();
        const runs: string[] = [];
        const heard: string[] = [];
        const away = await bed.serve("hosta", listen(heard));
        await away.close();
        await bed.caller.cast(note, { text: "kept" }, { server: "hosta" });
        await bed.serve("hostb", ...slowHandlers(finish, runs));
        const starting = rejection(bed.caller.call(start, {}, { server: "hostb" }));
        const waiting = rejection(bed.caller.call(wait, {}, { server: "hostb" }));
        await vi.waitFor(() => expect([...runs].sort()).toEqual(["start", "wait"]));

        await broker.kill();
        expect((await starting).code).toBe("outcome-unknown");
        expect((await waiting).code).toBe("unavailable");
        expect(bed.caller.status()).toBe("connecting");
        const hurried = rejection(bed.caller.call(wait, {}, { server: "hostb", deadlineMs: 300 }));
        expect((await hurried).code).toBe("unavailable");
        finish.open();
        // Serving while the broker is away fails at nothing.
        await bed.serve("hosta", listen(heard));
        // An abort asked for now takes effect: the call waits for the broker, as long as its deadline allows.
        const patient = bed.caller.call({ ...start, deadlineMs: 110_000 }, {}, { server: "hostb" }).then(
          () => "answered",
          (error: unknown) => error,
        );

        await broker.start();
        await Promise.all([bed.caller, bed.callee].map(connected));
        await vi.waitFor(() => expect(heard).toEqual(["kept"]), RECONNECT_LIMIT_MS);
        // The two come back in any order, and who asks before the server is there hears that nobody serves.
        const patience = await patient;
        if (patience !== "answered") expect(patience).toMatchObject({ code: "agent-unreachable" });
        await vi.waitFor(async () => {
          expect(await bed.caller.call(wait, {}, { server: "hostb" })).toEqual({});
        }, RECONNECT_LIMIT_MS);
        const started = runs.filter((method) => method === "start").length;
        expect(started).toBe(patience === "answered" ? 2 : 1);
      },
      RESTART_TEST_MS,
    );

    test(
      "takes a cast that was sent meanwhile once, or its sender hears that it did not",
      async () => {
        const { note } = bed.contracts;
        const heard: string[] = [];
        await bed.serve("hosta", listen(heard));
        await broker.kill();
        await vi.waitFor(() => expect(bed.caller.status()).toBe("connecting"));
        const casts = ["one", "two", "three"].map((text) =>
          bed.caller.cast(note, { text }, { server: "hosta" }).then(
            () => text,
            (error: unknown) => error,
          ),
        );
        await broker.start();
        const outcomes = await Promise.all(casts);
        const taken = outcomes.filter((outcome) => typeof outcome === "string");
        for (const outcome of outcomes) {
          // RabbitMQ killed so may have forgotten the queue that was declared last: it is back when its server is.
          const refusal = { code: expect.stringMatching(/^(unavailable|agent-unreachable)$/) };
          if (typeof outcome !== "string") expect(outcome).toMatchObject(refusal);
        }
        await Promise.all([bed.caller, bed.callee].map(connected));
        await bed.caller.cast(note, { text: "last" }, { server: "hosta" });
        await vi.waitFor(() => expect(heard).toContain("last"), RECONNECT_LIMIT_MS);
        await vi.waitFor(() => expect(heard).toEqual(expect.arrayContaining(taken)), RECONNECT_LIMIT_MS);
        expect(new Set(heard).size).toBe(heard.length);
      },
      RESTART_TEST_MS,
    );
  });
}
