import { DroverError } from "@drover/model";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { handle, type RpcHandler } from "../bus.ts";
import type { CastContract } from "../contract.ts";
import { MAX_PARKED_BODY_BYTES, type ParkedMessage } from "../parked.ts";
import { MAX_TRIES } from "../request-runner.ts";
import type { ContractBed } from "./contract-bed.ts";
import { gate, rejection } from "./sample.ts";

/** Casts: where they go, and what becomes of those that nobody can deal with. */
export function describeCasts(bed: ContractBed): void {
  /** Takes notes, and refuses those that it does not like. */
  const listen = (heard: string[], likes: (text: string) => boolean = () => true): RpcHandler =>
    handle(bed.contracts.note, async ({ text }) => {
      heard.push(text);
      if (!likes(text)) throw new DroverError("libvirt", `cannot take ${text}`);
    });

  test("a cast that no queue takes is agent-unreachable", async () => {
    const error = await rejection(bed.caller.cast(bed.contracts.note, { text: "hello" }, { server: "nowhere" }));
    expect(error.code).toBe("agent-unreachable");
  });

  test("a cast reaches one server, a fanout all of them", async () => {
    const heard: string[] = [];
    const listenAs = (server: string) =>
      handle(bed.contracts.note, async ({ text }) => {
        heard.push(`${server}:${text}`);
      });
    await bed.serve("hosta", listenAs("hosta"));
    await bed.serve("hostb", listenAs("hostb"));
    await bed.caller.cast(bed.contracts.note, { text: "one" }, { server: "hosta" });
    await bed.caller.cast(bed.contracts.note, { text: "any" });
    await bed.caller.cast(bed.contracts.note, { text: "all" }, { fanout: true });
    await vi.waitFor(() => expect(heard).toHaveLength(4));
    expect(heard).toContain("hosta:one");
    expect(heard.filter((line) => line.endsWith(":any"))).toHaveLength(1);
    expect(heard.filter((line) => line.endsWith(":all")).sort()).toEqual(["hosta:all", "hostb:all"]);
  });

  test("a cast waits for a server that is away, and arrives when it serves again", async () => {
    const heard: string[] = [];
    const server = await bed.serve("hosta", listen(heard));
    await server.close();
    await bed.caller.cast(bed.contracts.note, { text: "to the server" }, { server: "hosta" });
    await bed.caller.cast(bed.contracts.note, { text: "to the topic" });
    await bed.serve("hosta", listen(heard));
    await vi.waitFor(() => expect([...heard].sort()).toEqual(["to the server", "to the topic"]));
  });

  test("a cast cut short by a closing server is run by the next one", async () => {
    const running = gate();
    const heard: string[] = [];
    const server = await bed.serve(
      "hosta",
      handle(bed.contracts.note, async (_, { signal }) => {
        running.open();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        signal.throwIfAborted();
      }),
    );
    await bed.caller.cast(bed.contracts.note, { text: "one" }, { server: "hosta" });
    await running.opened;
    await server.close();
    await bed.serve("hosta", listen(heard));
    await vi.waitFor(() => expect(heard).toEqual(["one"]));
  });

  test("a slow server gets everything in the end, each once", async () => {
    const heard: string[] = [];
    const slow = handle(bed.contracts.note, async ({ text }) => {
      await new Promise((resolve) => setImmediate(resolve));
      heard.push(text);
    });
    await bed.serveWith({ server: "hosta", handlers: [slow], maxInFlight: 1 });
    const texts = Array.from({ length: 200 }, (_, index) => String(index));
    await Promise.all(texts.map((text) => bed.caller.cast(bed.contracts.note, { text }, { server: "hosta" })));
    await vi.waitFor(() => expect(heard).toHaveLength(texts.length));
    expect([...heard].sort()).toEqual([...texts].sort());
  });

  test("a method with an answer may be cast: it runs once, and nobody gets the answer", async () => {
    const runs: number[] = [];
    await bed.serve(
      "hosta",
      handle(bed.contracts.add, async ({ a, nested }) => {
        runs.push(a);
        return { sum: a + nested.b };
      }),
    );
    const request = { a: 1, nested: { b: 2 } };
    await bed.caller.cast(asCast(bed.contracts.add), request, { server: "hosta" });
    expect(await bed.caller.call(bed.contracts.add, { ...request, a: 2 }, { server: "hosta" })).toEqual({ sum: 4 });
    await vi.waitFor(() => expect([...runs].sort()).toEqual([1, 2]));
    expect(await parkedOf(bed)).toEqual([]);
  });

  describe("parked", () => {
    test(`after ${MAX_TRIES} tries, with its reason, while others pass`, async () => {
      const heard: string[] = [];
      const passed = gate();
      await bed.serve(
        "hosta",
        handle(bed.contracts.note, async ({ text }) => {
          heard.push(text);
          if (text !== "bad") return;
          // The tries after the first wait until the other has passed: it needs the end of none of them.
          if (heard.length > 1) await passed.opened;
          throw new DroverError("libvirt", "cannot take bad");
        }),
      );
      const before = Date.now();
      const context = { requestId: "req-parked" };
      await bed.caller.cast(bed.contracts.note, { text: "bad" }, { server: "hosta", context });
      await vi.waitFor(() => expect(heard).toContain("bad"));
      await bed.caller.cast(bed.contracts.note, { text: "good" }, { server: "hosta" });
      await vi.waitFor(() => expect(heard).toContain("good"));
      passed.open();
      const [message] = await parkedOf(bed, 1);
      expect(message).toEqual({
        id: expect.any(String),
        queue: `${bed.topic}.hosta`,
        server: "hosta",
        method: "note",
        requestId: "req-parked",
        reason: { code: "libvirt", message: "cannot take bad", details: {} },
        tries: MAX_TRIES,
        parkedAtMs: expect.any(Number),
      });
      expect(message?.parkedAtMs).toBeGreaterThanOrEqual(before);
      expect(heard.filter((text) => text === "bad")).toHaveLength(MAX_TRIES);
    });

    test("at once, where another try can do no better", async () => {
      await bed.serve(
        "hosta",
        listen([]),
        handle(bed.contracts.start, () => Promise.reject(new Error("half done"))),
      );
      const anything = { ...bed.contracts.note, request: z.unknown() };
      await bed.caller.cast(anything, { text: 7 });
      await bed.caller.cast({ ...anything, method: "nosuch" }, {});
      await bed.caller.cast({ ...anything, version: "9.0" }, { text: "new" });
      await bed.caller.cast(asCast(bed.contracts.start), {});
      const parked = await parkedOf(bed, 4);
      expect(parked.map(({ method, reason, tries }) => [method, reason.code, tries]).sort()).toEqual([
        ["nosuch", "bad-request", 1],
        ["note", "bad-request", 1],
        ["note", "bad-request", 1],
        ["start", "internal", 1],
      ]);
    });

    test("never as a copy of what went to all: that is tried once", async () => {
      const heard: string[] = [];
      for (const server of ["hosta", "hostb"]) {
        await bed.serve(
          server,
          listen(heard, () => false),
        );
      }
      const context = { requestId: `all of ${bed.topic}` };
      await bed.caller.cast(bed.contracts.note, { text: "all" }, { fanout: true, context });
      await vi.waitFor(() => expect(heard).toEqual(["all", "all"]));
      // Its tries come after those that the copies would have.
      await bed.caller.cast(bed.contracts.note, { text: "one" }, { server: "hosta" });
      await parkedOf(bed, 1);
      expect(heard.filter((text) => text === "all")).toHaveLength(2);
      const parked = await bed.caller.listParked(1_000);
      expect(parked.filter(({ requestId }) => requestId === context.requestId)).toEqual([]);
    });

    test("sent again it runs on a handler that was mended; thrown away it does not", async () => {
      const heard: string[] = [];
      const broken = await bed.serve(
        "hosta",
        handle(bed.contracts.note, () => Promise.reject(finalRefusal())),
      );
      for (const text of ["again", "away"]) {
        await bed.caller.cast(bed.contracts.note, { text }, { context: { requestId: text } });
      }
      const parked = await parkedOf(bed, 2);
      await broken.close();
      await bed.serve("hosta", listen(heard));
      const idOf = (text: string) => parked.find(({ requestId }) => requestId === text)?.id ?? "";
      await bed.caller.releaseParked(idOf("away"), "discard");
      await bed.caller.releaseParked(idOf("again"), "send-again");
      await vi.waitFor(() => expect(heard).toEqual(["again"]));
      expect(await parkedOf(bed)).toEqual([]);
      for (const id of ["nosuch", idOf("away")]) {
        expect(await rejection(bed.caller.releaseParked(id, "send-again"))).toMatchObject({ code: "not-found" });
      }
      expect(heard).toEqual(["again"]);
    });

    test("whatever its reason, and without its body where that is too large to keep", async () => {
      const details = { sizeBytes: 5n };
      await bed.serve(
        "hosta",
        handle(bed.contracts.note, () => Promise.reject(new DroverError("refused", "not now", { details }))),
      );
      const text = "x".repeat(MAX_PARKED_BODY_BYTES);
      await bed.caller.cast(bed.contracts.note, { text });
      const [message] = await parkedOf(bed, 1);
      expect(message?.reason).toEqual({ code: "refused", message: "not now", details: {} });
      const id = message?.id ?? "";
      expect(await rejection(bed.caller.releaseParked(id, "send-again"))).toMatchObject({ code: "refused" });
      await parkedOf(bed, 1);
      await bed.caller.releaseParked(id, "discard");
      await parkedOf(bed, 0);
    });

    test("is listed within the limit that was asked for", async () => {
      await bed.serve(
        "hosta",
        handle(bed.contracts.note, () => Promise.reject(finalRefusal())),
      );
      await bed.caller.cast(bed.contracts.note, { text: "one" });
      await bed.caller.cast(bed.contracts.note, { text: "two" });
      await parkedOf(bed, 2);
      expect(await bed.caller.listParked(1)).toHaveLength(1);
      for (const limit of [0, 1.5, 1001]) {
        expect(await rejection(bed.caller.listParked(limit))).toMatchObject({ code: "bad-request" });
      }
    });
  });
}

/** A refusal, which is final for a cast. */
function finalRefusal(): DroverError {
  return new DroverError("refused", "not now");
}

/** As a stock client may: it need not want an answer. */
function asCast<Request>(contract: Omit<CastContract<Request>, "kind">): CastContract<Request> {
  return { ...contract, kind: "cast" };
}

/** What this test's servers have parked, once it is so many: other tests' messages are in the same broker. */
export async function parkedOf(bed: ContractBed, count?: number): Promise<readonly ParkedMessage[]> {
  const list = async () => {
    const all = await bed.caller.listParked(1_000);
    return all.filter(({ queue }) => queue === bed.topic || queue.startsWith(`${bed.topic}.`));
  };
  if (count === undefined) return list();
  return vi.waitFor(async () => {
    const parked = await list();
    expect(parked).toHaveLength(count);
    return parked;
  });
}
