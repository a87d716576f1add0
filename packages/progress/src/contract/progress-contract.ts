import { type MigrationProgress, progressPoint } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgressCache } from "../progress-cache.ts";
import { placesOf, snapshotOf, snapshotsOf } from "./samples.ts";

/** Where one test keeps its progress; every `open` is another client of the same cache. */
export interface TestCache {
  open(): Promise<ProgressCache>;
  /** Loses everything, as a restart of the cache does. Absent where nobody survives that. */
  loseAll?(): Promise<void>;
}

/** The contract of a progress cache: the same promises from every driver. */
export function progressContract(driver: string, createCache: () => Promise<TestCache>): void {
  describe(`the progress cache in ${driver}`, () => {
    let testCache: TestCache;
    let opened: ProgressCache[];
    let agent: ProgressCache;
    let reader: ProgressCache;
    const one = crypto.randomUUID();
    const two = crypto.randomUUID();

    async function open(): Promise<ProgressCache> {
      const cache = await testCache.open();
      opened.push(cache);
      return cache;
    }

    beforeEach(async () => {
      testCache = await createCache();
      opened = [];
      agent = await open();
      reader = await open();
    });

    afterEach(async () => {
      await Promise.all(opened.map((cache) => cache.close()));
    });

    it("gives back the newest of each migration, and nothing of others", async () => {
      await agent.publish("east", [snapshotOf(one, 1), snapshotOf(two, 5)]);
      await agent.publish("east", [snapshotOf(one, 2, { phase: "completed", downtimeMs: 31 })]);
      const read = await reader.read(placesOf("east", one, two, crypto.randomUUID()));
      expect(snapshotsOf(read)).toEqual([
        snapshotOf(one, 2, { phase: "completed", downtimeMs: 31 }),
        snapshotOf(two, 5),
      ]);
      expect(read.get(two)?.ageMs).toSatisfy((ageMs: number) => ageMs >= 0 && ageMs < 60_000);
      expect(await reader.read([])).toEqual(new Map());
      await agent.publish("east", []);
    });

    it("drops what is older than it has, or the same", async () => {
      await agent.publish("east", [snapshotOf(one, 1_700_000_000_001)]);
      await agent.publish("east", [snapshotOf(one, 1_700_000_000_000), snapshotOf(two, 1)]);
      await agent.publish("east", [snapshotOf(one, 1_700_000_000_001, { iteration: 99 })]);
      const read = await reader.read(placesOf("east", one, two));
      expect(snapshotsOf(read)).toEqual([snapshotOf(one, 1_700_000_000_001), snapshotOf(two, 1)]);
    });

    it("keeps each host's numbers apart: no host writes in place of another", async () => {
      await agent.publish("east", [snapshotOf(one, 1)]);
      await agent.publish("west", [snapshotOf(one, 2), snapshotOf(two, 1)]);
      expect(snapshotsOf(await reader.read(placesOf("east", one, two)))).toEqual([snapshotOf(one, 1)]);
      const mixed = await reader.read([...placesOf("east", one), ...placesOf("west", two)]);
      expect([one, two].map((uuid) => mixed.get(uuid)?.snapshot)).toEqual([snapshotOf(one, 1), snapshotOf(two, 1)]);
    });

    it("carries thousands of migrations of many hosts", async () => {
      const uuids = Array.from({ length: 3000 }, () => crypto.randomUUID());
      const hosts = Map.groupBy(uuids, (uuid) => `host-${uuid.slice(0, 1)}`);
      await Promise.all(
        [...hosts].map(([host, own]) =>
          agent.publish(
            host,
            own.map((uuid, n) => snapshotOf(uuid, n)),
          ),
        ),
      );
      expect((await reader.read([...hosts].flatMap(([host, own]) => placesOf(host, ...own)))).size).toBe(3000);
    });

    it("has a history of each migration, from its beginning up to its newest numbers", async () => {
      expect(await reader.readHistories(placesOf("east", one))).toEqual(new Map());
      // All within the time of one point: the first stays, and the newest is the last in any case.
      for (const sequence of [1, 2, 3]) await agent.publish("east", [snapshotOf(one, sequence)]);
      await agent.publish("east", [snapshotOf(two, 9, { phase: "post-copy", iteration: 4 })]);
      const histories = await reader.readHistories(placesOf("east", one, two, crypto.randomUUID()));
      expect([...histories.keys()].sort()).toEqual([one, two].sort());
      const own = histories.get(one) ?? [];
      expect([own[0], own.at(-1)]).toEqual([progressPoint(snapshotOf(one, 1)), progressPoint(snapshotOf(one, 3))]);
      expect(own.length).toBeLessThanOrEqual(3);
      expect(histories.get(two)).toEqual([progressPoint(snapshotOf(two, 9, { phase: "post-copy", iteration: 4 }))]);
    });

    it("forgets what ended", async () => {
      await agent.publish("east", [snapshotOf(one, 1), snapshotOf(two, 1)]);
      await reader.forget(placesOf("east", one, crypto.randomUUID()));
      await reader.forget([]);
      expect(snapshotsOf(await reader.read(placesOf("east", two)))).toEqual([snapshotOf(two, 1)]);
      expect([...(await reader.readHistories(placesOf("east", one, two))).keys()]).toEqual([two]);
      await reader.forget(placesOf("east", one, two));
      expect(await reader.read(placesOf("east", one, two))).toEqual(new Map());
    });

    it("tells every listener each change, until its end; one that throws harms no other", async () => {
      const heard: MigrationProgress[] = [];
      const endThrowing = await reader.subscribe(() => {
        throw new Error("a listener's own trouble");
      });
      const end = await reader.subscribe((progress) => {
        heard.push(...progress);
      });
      await agent.publish("east", [snapshotOf(one, 1), snapshotOf(two, 1)]);
      await agent.publish("east", [snapshotOf(one, 1)]);
      await agent.publish("east", [snapshotOf(one, 2)]);
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      expect(heard).toEqual([snapshotOf(one, 1), snapshotOf(two, 1), snapshotOf(one, 2)]);
      await end();
      await end();
      const other: MigrationProgress[] = [];
      const endOther = await reader.subscribe((progress) => {
        other.push(...progress);
      });
      await agent.publish("east", [snapshotOf(one, 3)]);
      await vi.waitFor(() => expect(other).toEqual([snapshotOf(one, 3)]));
      expect(heard).toHaveLength(3);
      await Promise.all([endThrowing(), endOther()]);
    });

    it("tells every process that records have changed, until its end", async () => {
      let heard = 0;
      const end = await reader.onChange((notice) => {
        heard += notice === "records-changed" ? 1 : 0;
      });
      // A feed that begins to flow says so as well: something may have happened before.
      const before = heard;
      await agent.announceChange();
      await agent.announceChange();
      await vi.waitFor(() => expect(heard).toBe(before + 2));
      await end();
      await agent.announceChange();
      expect(heard).toBe(before + 2);
    });

    it("answers a ping while open and says unavailable when closed", async () => {
      await agent.ping();
      await agent.close();
      await agent.close();
      await expect(agent.ping()).rejects.toMatchObject({ code: "unavailable" });
      await expect(agent.publish("east", [snapshotOf(one, 1)])).rejects.toMatchObject({ code: "unavailable" });
      await expect(agent.read(placesOf("east", one))).rejects.toMatchObject({ code: "unavailable" });
    });
  });
}
