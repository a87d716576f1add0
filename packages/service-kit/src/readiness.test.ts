import { type Clock, DroverError, silentLogger } from "@drover/model";
import { expect, it } from "vitest";
import { watchReadiness } from "./readiness.ts";

it("tells once that a dependency is away, and not of one that is being connected to after the start", async () => {
  let nowMs = 0;
  let away = true;
  const told: string[] = [];
  const clock: Clock = {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: (_ms, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  };
  const tell = (_fields: object, message: string) => void told.push(message);
  const ended = new AbortController();
  const readiness = watchReadiness({
    clock,
    logger: { ...silentLogger, warn: tell, info: tell },
    signal: ended.signal,
  });
  readiness.add("bus", async () => {
    if (away) throw new DroverError("unavailable", "the broker is away");
  });
  const look = async (atMs: number, isAway: boolean) => {
    [nowMs, away] = [atMs, isAway];
    const [entry] = await readiness.report();
    return { ready: entry?.ready, since: entry?.since, told: told.splice(0) };
  };
  const since = (ms: number) => new Date(ms).toISOString();
  const [AWAY, BACK] = ["a dependency is away; waiting for it", "a dependency is back"];
  expect(await look(0, true)).toEqual({ ready: false, since: since(0), told: [] });
  expect(await look(1_000, true)).toEqual({ ready: false, since: since(0), told: [] });
  expect(await look(5_000, true)).toEqual({ ready: false, since: since(0), told: [AWAY] });
  expect(await look(10_000, true)).toEqual({ ready: false, since: since(0), told: [] });
  expect(await look(15_000, false)).toEqual({ ready: true, since: since(15_000), told: [BACK] });
  expect(await look(20_000, true)).toEqual({ ready: false, since: since(20_000), told: [AWAY] });
  ended.abort();
});
