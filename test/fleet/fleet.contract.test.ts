import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { MigrationView } from "@drover/api-client";
import { startPython, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isOver, isWatched } from "../integration/watching.ts";
import { type FleetPlane, type HostProcess, requestMoves, startFleetPlane } from "./fleet-plane.ts";

/** Copies last until they are let go. */
const HELD_BACK_MIBPS = 20;
const LET_GO_MIBPS = 2_000;
const ENOUGH = { deadlineMs: 50_000, intervalMs: 250 };
/** As long as the store's numbers may lag behind: two flushes. */
const FLUSHED_WITHIN_MS = 10_000;

describe("a fleet of sixty hosts in two processes, a hundred and twenty guests under way at once", () => {
  let plane: FleetPlane;
  let first: HostProcess;
  let second: HostProcess;
  beforeAll(async () => {
    plane = await startFleetPlane({ processes: 2, hostsPerProcess: 30, guestsPerHost: 2, linkMiBps: HELD_BACK_MIBPS });
    [first, second] = plane.hostProcesses as [HostProcess, HostProcess];
    await requestMoves(plane.client, [...first.moves, ...second.moves]);
    const watched = await untilAll(both(), "to be watched", isWatched);
    const uuids = watched.map(({ uuid }) => uuid);
    await waitFor(
      "all to be flushed",
      async () => (await plane.store.progress.read(uuids)).size === uuids.length,
      ENOUGH,
    );
  });
  afterAll(() => plane?.[Symbol.asyncDispose]());

  const both = () => [first, second];

  /** The migrations from hosts of these processes. */
  async function migrationsOf(processes: readonly HostProcess[]): Promise<MigrationView[]> {
    const hosts = new Set(processes.flatMap((process) => process.hosts));
    return (await plane.client.migrations()).migrations.filter(({ sourceHost }) => hosts.has(sourceHost));
  }

  async function untilAll(
    processes: readonly HostProcess[],
    what: string,
    condition: (migration: MigrationView) => boolean,
  ): Promise<readonly MigrationView[]> {
    const count = processes.flatMap(({ moves }) => moves).length;
    return await waitFor(
      `${count} migrations ${what}`,
      async () => {
        const migrations = await migrationsOf(processes);
        const missing = migrations.filter((migration) => !condition(migration));
        if (migrations.length === count && missing.length === 0) return migrations;
        const [one] = missing;
        throw new Error(
          `${missing.length} of ${migrations.length} are not, ${one?.id} is ${one?.state} (${one?.reason})`,
        );
      },
      ENOUGH,
    );
  }

  async function expectArrived({ hosts, moves, state }: HostProcess): Promise<void> {
    for (const migration of await migrationsOf([{ hosts } as HostProcess])) {
      const { progress, failure, server } = migration;
      const { to } = moves.find(({ guest }) => guest === server.name) ?? {};
      expect(migration, `${migration.reason}`).toMatchObject({ state: "completed", destinationHost: to });
      expect(failure).toBeNull();
      expect(progress).toMatchObject({ source: "record", stale: false, phase: "completed", memoryRemainingBytes: 0 });
      expect(progress?.downtimeMs, "the last numbers came with the outcome").toBeGreaterThan(0);
    }
    const { guests } = await state();
    const whereabouts = guests.map(({ name, host, running }) => `${name} on ${host}, ${running ? "running" : "not"}`);
    expect(whereabouts.sort()).toEqual(moves.map(({ guest, to }) => `${guest} on ${to}, running`).sort());
  }

  it("shows through the API what a Python program reads out of Redis by the documented layout", async () => {
    const script = fileURLToPath(new URL("progress-poller.py", import.meta.url));
    await using poller = await startPython({ script, args: [plane.redis.url], modules: ["redis"] });
    expect(await poller.nextLine()).toBe("ready");
    // Each copy is published twice a second, and both look in between, at other moments: most of what the API reads the poller has
    // seen, unless one of them stands still for a while.
    const readings: (readonly MigrationView[])[] = [];
    while (readings.length < 6) {
      await delay(400);
      readings.push(await migrationsOf(both()));
    }
    await delay(600);
    poller.writeLine("enough");
    const seen: Record<string, object[]> = JSON.parse(await poller.nextLine());
    const shown = readings.at(-1) ?? [];
    expect(Object.keys(seen).sort()).toEqual(shown.map(({ uuid }) => uuid).sort());
    for (const { uuid } of shown) {
      const read = readings.flatMap((reading) => reading.find((one) => one.uuid === uuid)?.progress ?? []);
      const numbers = read.map(({ source, ageMs, stale, ...rest }) => {
        expect({ source, stale }).toEqual({ source: "cache", stale: false });
        return JSON.stringify(Object.entries(rest).sort());
      });
      const inRedis = (seen[uuid] ?? []).map((snapshot) => JSON.stringify(Object.entries(snapshot).sort()));
      expect(inRedis).toEqual(expect.arrayContaining([expect.toBeOneOf(numbers)]));
    }
  });

  it("goes on while Redis hangs, says how old its progress is, and shows fresh progress when Redis is back", async () => {
    plane.redis.freeze();
    const frozenAtMs = Date.now();
    await first.setLinks(LET_GO_MIBPS);
    await untilAll([first], "to be over", isOver);
    await expectArrived(first);
    const askedAtMs = Date.now();
    const shown = await migrationsOf([second]);
    const answeredAtMs = Date.now();
    for (const { state, progress } of shown) {
      expect(state).toBe("running");
      expect(progress).toMatchObject({ source: "store", stale: true });
      expect(progress?.ageMs, "nothing is newer than the outage").toBeGreaterThanOrEqual(askedAtMs - frozenAtMs);
      expect(progress?.ageMs).toBeLessThan(answeredAtMs - frozenAtMs + FLUSHED_WITHIN_MS);
    }
    plane.redis.thaw();
    await untilAll([second], "to be fresh", ({ progress }) => progress?.source === "cache" && progress.ageMs < 2_000);
  });

  it("completes the others while Redis is gone, and holds nothing in the end", async () => {
    await plane.redis.kill9();
    await second.setLinks(LET_GO_MIBPS);
    await untilAll([second], "to be over", isOver);
    await expectArrived(second);
    expect(await plane.store.claims.list()).toEqual([]);
    await waitFor("the agents to hold nothing", async () => {
      const held = (await Promise.all(both().map((process) => process.state()))).flatMap((state) => state.held);
      if (held.length > 0) throw new Error(held.join("; "));
      return true;
    });
    await plane.redis.start();
    await waitFor("the conductor to reach Redis again", async () => {
      const { status, body } = await plane.conductor.readiness();
      return status === 200 && !body.includes('"ready":false');
    });
  });
});
