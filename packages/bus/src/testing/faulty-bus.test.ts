import { DroverError } from "@drover/model";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { handle } from "../bus.ts";
import { defineCall, defineCast } from "../contract.ts";
import { openInProcessBus } from "../in-process-bus.ts";
import { FaultyBus, type RequestFault } from "./faulty-bus.ts";

const about = { topic: "compute", version: "1.0", access: "read", request: z.object({}) } as const;
const count = defineCall({
  ...about,
  method: "count",
  deadlineMs: 60_000,
  idempotent: true,
  response: z.object({ run: z.number() }),
});
const note = defineCast({ ...about, method: "note" });
const error = new DroverError("libvirt", "the test says no");
const hosta = { server: "hosta" };

let bus: FaultyBus;
let runs: number;
let notes: number;

beforeEach(async () => {
  bus = new FaultyBus(openInProcessBus());
  [runs, notes] = [0, 0];
  const handlers = [
    handle(count, async () => {
      runs += 1;
      return { run: runs };
    }),
    handle(note, async () => {
      notes += 1;
    }),
  ];
  await bus.serve({ topic: "compute", server: "hosta", handlers });
  return () => bus.close();
});

describe("a call that", () => {
  test.each<[RequestFault, string, number]>([
    [{ kind: "fail-before", error }, "libvirt", 0],
    [{ kind: "fail-after", error }, "libvirt", 1],
    [{ kind: "lose-reply" }, "deadline-exceeded", 1],
    [{ kind: "lose-request" }, "deadline-exceeded", 0],
    [{ kind: "hold-up" }, "deadline-exceeded", 0],
  ])("meets $kind is told of it, and the next one passes", async (fault, code, ran) => {
    const armed = bus.onRequest({ ...count, ...hosta }, fault);
    await expect(bus.call(count, {}, hosta)).rejects.toMatchObject({ code });
    expect([armed.met, runs]).toEqual([1, ran]);
    expect(await bus.call(count, {}, hosta)).toEqual({ run: ran + 1 });
    await armed.arrive();
    expect(runs).toBe(ran + (fault.kind === "hold-up" ? 2 : 1));
  });

  test.each(["repeat", "double"] as const)("meets %s is carried out twice", async (kind) => {
    bus.onRequest(count, { kind });
    expect(await bus.call(count, {}, hosta)).toEqual({ run: 2 });
    expect(runs).toBe(2);
  });

  test("goes to another server, or is of another method, passes", async () => {
    const elsewhere = bus.onRequest({ ...count, server: "hostb" }, { kind: "fail-before", error });
    const other = bus.onRequest(note, { kind: "fail-before", error });
    expect(await bus.call(count, {}, hosta)).toEqual({ run: 1 });
    expect([elsewhere.met, other.met]).toEqual([0, 0]);
  });

  test("meets a fault for several is told so as often, or until it is disarmed", async () => {
    bus.onRequest(count, { kind: "fail-before", error }, 2);
    await expect(bus.call(count, {}, hosta)).rejects.toThrow("the test says no");
    await expect(bus.call(count, {}, hosta)).rejects.toThrow("the test says no");
    expect(await bus.call(count, {}, hosta)).toEqual({ run: 1 });
    const armed = bus.onRequest(count, { kind: "fail-before", error }, Number.POSITIVE_INFINITY);
    await expect(bus.call(count, {}, hosta)).rejects.toThrow("the test says no");
    armed.disarm();
    expect(await bus.call(count, {}, hosta)).toEqual({ run: 2 });
  });

  test("is called off while its reply gets lost rejects with its signal's reason", async () => {
    bus.onRequest(count, { kind: "lose-reply" });
    const stop = new AbortController();
    const call = bus.call(count, {}, { ...hosta, signal: stop.signal });
    stop.abort(new Error("called off"));
    await expect(call).rejects.toThrow("called off");
  });
});

describe("a cast that", () => {
  test.each<[RequestFault, boolean, number]>([
    [{ kind: "fail-before", error }, true, 0],
    [{ kind: "fail-after", error }, true, 1],
    [{ kind: "lose-reply" }, false, 1],
    [{ kind: "lose-request" }, false, 0],
    [{ kind: "hold-up" }, false, 0],
    [{ kind: "repeat" }, false, 2],
    [{ kind: "double" }, false, 2],
  ])("meets $kind arrives as often as that says", async (fault, fails, arrived) => {
    const armed = bus.onRequest(note, fault);
    const told = bus.cast(note, {}, hosta).then(
      () => false,
      () => true,
    );
    expect(await told).toBe(fails);
    // Casts and calls of one server wait in one queue: what was cast before a call was taken before it.
    await bus.call(count, {}, hosta);
    expect(notes).toBe(arrived);
    await armed.arrive();
    await bus.call(count, {}, hosta);
    expect(notes).toBe(arrived + (fault.kind === "hold-up" ? 1 : 0));
  });
});
