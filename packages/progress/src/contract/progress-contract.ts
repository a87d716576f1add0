import type { MigrationProgress } from "@drover/model";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProgressCache } from "../progress-cache.ts";
import { snapshotOf } from "./samples.ts";

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
      expect(await reader.read([one, two, crypto.randomUUID()])).toEqual(
        new Map([
          [one, snapshotOf(one, 2, { phase: "completed", downtimeMs: 31 })],
          [two, snapshotOf(two, 5)],
        ]),
      );
      expect(await reader.read([])).toEqual(new Map());
      await agent.publish("east", []);
    });

    it("drops what is older than it has, or the same", async () => {
      await agent.publish("east", [snapshotOf(one, 1_700_000_000_001)]);
      await agent.publish("west", [snapshotOf(one, 1_700_000_000_000), snapshotOf(two, 1)]);
      await agent.publish("west", [snapshotOf(one, 1_700_000_000_001, { iteration: 99 })]);
      expect(await reader.read([one])).toEqual(new Map([[one, snapshotOf(one, 1_700_000_000_001)]]));
      expect((await reader.changedSince(null)).progress).toHaveLength(2);
    });

    it("tells what changed since a cursor, once, newest per migration", async () => {
      const start = await reader.changedSince(null);
      expect(start.progress).toEqual([]);
      await agent.publish("east", [snapshotOf(one, 1), snapshotOf(two, 1)]);
      await agent.publish("east", [snapshotOf(one, 2)]);
      const first = await reader.changedSince(start.cursor);
      expect(byUuid(first.progress)).toEqual(byUuid([snapshotOf(one, 2), snapshotOf(two, 1)]));
      expect((await reader.changedSince(first.cursor)).progress).toEqual([]);
      await agent.publish("east", [snapshotOf(two, 2)]);
      const second = await reader.changedSince(first.cursor);
      expect(second.progress).toEqual([snapshotOf(two, 2)]);
      expect((await reader.changedSince(null)).progress).toHaveLength(2);
    });

    it("carries thousands of migrations", async () => {
      const many = Array.from({ length: 3000 }, (_, n) => snapshotOf(crypto.randomUUID(), n));
      await agent.publish("east", many);
      expect((await reader.changedSince(null)).progress).toHaveLength(3000);
      expect((await reader.read(many.map((snapshot) => snapshot.migrationUuid))).size).toBe(3000);
    });

    it("forgets what ended", async () => {
      await agent.publish("east", [snapshotOf(one, 1), snapshotOf(two, 1)]);
      await reader.forget([one, crypto.randomUUID()]);
      await reader.forget([]);
      expect(await reader.read([one, two])).toEqual(new Map([[two, snapshotOf(two, 1)]]));
      expect((await reader.changedSince(null)).progress).toEqual([snapshotOf(two, 1)]);
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
      await vi.waitFor(() => expect(heard).toHaveLength(3), { timeout: 5000 });
      expect(heard).toEqual([snapshotOf(one, 1), snapshotOf(two, 1), snapshotOf(one, 2)]);
      await end();
      await end();
      const other: MigrationProgress[] = [];
      const endOther = await reader.subscribe((progress) => {
        other.push(...progress);
      });
      await agent.publish("east", [snapshotOf(one, 3)]);
      await vi.waitFor(() => expect(other).toEqual([snapshotOf(one, 3)]), { timeout: 5000 });
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
      await vi.waitFor(() => expect(heard).toBe(before + 2), { timeout: 5000 });
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
      await expect(agent.read([one])).rejects.toMatchObject({ code: "unavailable" });
    });
  });
}

function byUuid(progress: readonly MigrationProgress[]): ReadonlyMap<string, MigrationProgress> {
  return new Map(progress.map((snapshot) => [snapshot.migrationUuid, snapshot]));
}
