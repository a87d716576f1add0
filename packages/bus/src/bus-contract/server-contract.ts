import { DroverError } from "@drover/model";
import { expect, test } from "vitest";
import { handle } from "../bus.ts";
import type { ContractBed } from "./contract-bed.ts";
import { addHandler, gate, rejection } from "./sample.ts";

/** Servers: who takes a request, how many at a time, and how they go. */
export function describeServers(bed: ContractBed): void {
  const identify = (server: string) =>
    handle(bed.contracts.whoAmI, async (_, { context }) => ({ server, requestId: context.requestId, userId: null }));

  test("an unknown method is refused by name", async () => {
    await bed.serve("hosta", addHandler(bed.contracts));
    const error = await rejection(bed.caller.call(bed.contracts.wait, {}));
    expect(error).toMatchObject({ code: "bad-request", details: { reason: "no-such-method" } });
    expect(error.message).toContain("wait");
  });

  test("a server takes older minor versions, no newer ones, and no other major", async () => {
    await bed.serve("hosta", addHandler(bed.contracts));
    const request = { a: 1, nested: { b: 2 } };
    expect(await bed.caller.call({ ...bed.contracts.add, version: "1.0" }, request)).toEqual({ sum: 3 });
    for (const other of ["1.3", "2.0", "0.9"]) {
      const error = await rejection(bed.caller.call({ ...bed.contracts.add, version: other }, request));
      expect(error).toMatchObject({ code: "bad-request", details: { reason: "unsupported-version" } });
    }
  });

  test("a call that nobody serves fails at once as agent-unreachable", async () => {
    for (const server of [undefined, "hosta"]) {
      const options = server === undefined ? {} : { server };
      const error = await rejection(bed.caller.call(bed.contracts.wait, {}, options));
      expect(error.code).toBe("agent-unreachable");
    }
  });

  test("a call to a server that has closed is agent-unreachable, though its queue may stay", async () => {
    const server = await bed.serve("hosta", addHandler(bed.contracts));
    await bed.caller.call(bed.contracts.add, { a: 1, nested: { b: 2 } }, { server: "hosta" });
    await server.close();
    const error = await rejection(bed.caller.call(bed.contracts.add, { a: 1, nested: { b: 2 } }, { server: "hosta" }));
    expect(error.code).toBe("agent-unreachable");
  });

  test("two servers share a topic", async () => {
    await bed.serve("hosta", identify("hosta"));
    await bed.serve("hostb", identify("hostb"));
    const served = new Set<string>();
    // NATS throws dice for each call.
    for (let call = 0; call < 100 && served.size < 2; call += 1) {
      served.add((await bed.caller.call(bed.contracts.whoAmI, {})).server);
    }
    expect([...served].sort()).toEqual(["hosta", "hostb"]);
  });

  test("a directed call reaches its server only", async () => {
    await bed.serve("hosta", identify("hosta"));
    await bed.serve("hostb", identify("hostb"));
    for (let call = 0; call < 4; call += 1) {
      expect(await bed.caller.call(bed.contracts.whoAmI, {}, { server: "hostb" })).toMatchObject({ server: "hostb" });
    }
  });

  test("a closing server tells its handlers and waits for them", async () => {
    const running = gate();
    let ended = false;
    const server = await bed.serve(
      "hosta",
      handle(bed.contracts.wait, async (_, { signal }) => {
        running.open();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await new Promise((resolve) => setImmediate(resolve));
        ended = true;
        return {};
      }),
    );
    const call = bed.caller.call(bed.contracts.wait, {});
    await running.opened;
    await server.close();
    expect(ended).toBe(true);
    expect(await call).toEqual({});
  });

  test("closing the bus fails calls under way, and later ones, as unavailable", async () => {
    const running = gate();
    await bed.serve(
      "hosta",
      handle(bed.contracts.wait, async (_, { signal }) => {
        running.open();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw new DroverError("unavailable", "closing");
      }),
    );
    const call = rejection(bed.caller.call(bed.contracts.wait, {}));
    await running.opened;
    await bed.caller.close();
    expect((await call).code).toBe("unavailable");
    expect(bed.caller.status()).toBe("closed");
    expect((await rejection(bed.caller.call(bed.contracts.wait, {}))).code).toBe("unavailable");
    expect((await rejection(bed.caller.cast(bed.contracts.note, { text: "x" }))).code).toBe("unavailable");
  });

  test("a server works on no more than maxInFlight at a time", async () => {
    let running = 0;
    let most = 0;
    const third = gate();
    const handlers = [
      handle(bed.contracts.wait, async () => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) third.open();
        await third.opened;
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return {};
      }),
    ];
    await bed.serveWith({ server: "hosta", handlers, maxInFlight: 3 });
    await Promise.all(Array.from({ length: 30 }, () => bed.caller.call(bed.contracts.wait, {})));
    expect(most).toBe(3);
  });

  test("a thousand calls at once all get their own answer", async () => {
    await bed.serve("hosta", addHandler(bed.contracts));
    const calls = Array.from({ length: 1000 }, (_, a) => bed.caller.call(bed.contracts.add, { a, nested: { b: 1 } }));
    const sums = await Promise.all(calls);
    expect(sums.map(({ sum: value }) => value)).toEqual(Array.from({ length: 1000 }, (_, a) => a + 1));
  });

  test("a method of a namespace is found in it alone", async () => {
    const spaced = { ...bed.contracts.add, namespace: "spaced" };
    const request = { a: 1, nested: { b: 2 } };
    await bed.serve(
      "hosta",
      handle(spaced, async () => ({ sum: 100 })),
      handle(bed.contracts.wait, async () => ({})),
    );
    expect(await bed.caller.call(spaced, request)).toEqual({ sum: 100 });
    const refusals = [
      { contract: bed.contracts.add, reason: "no-such-method" },
      { contract: { ...spaced, method: "nosuch" }, reason: "no-such-method" },
      { contract: { ...spaced, namespace: "other" }, reason: "unsupported-version" },
      { contract: { ...spaced, version: "1.9" }, reason: "unsupported-version" },
    ];
    for (const { contract, reason } of refusals) {
      const error = await rejection(bed.caller.call(contract, request));
      expect(error).toMatchObject({ code: "bad-request", details: { reason } });
    }
  });

  test("handlers of several namespaces and majors share a method's name", async () => {
    const { add } = bed.contracts;
    const contracts = [add, { ...add, namespace: "spaced" }, { ...add, version: "2.0" }];
    const answering = contracts.map((contract, index) => handle(contract, async () => ({ sum: index })));
    await bed.serve("hosta", ...answering);
    const answers = contracts.map((contract) => bed.caller.call(contract, { a: 1, nested: { b: 2 } }));
    expect(await Promise.all(answers)).toEqual([{ sum: 0 }, { sum: 1 }, { sum: 2 }]);
  });
}
