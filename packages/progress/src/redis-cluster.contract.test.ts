import { silentLogger, systemClock } from "@drover/model";
import { type RedisCluster, startRedisCluster } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { progressContract } from "./contract/progress-contract.ts";
import { placesOf, snapshotOf, snapshotsOf } from "./contract/samples.ts";
import { openRedisProgress } from "./open-redis-progress.ts";
import { startProgressFlush } from "./start-progress-flush.ts";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => {
  await cluster?.remove();
});

const open = (keyPrefix = "drover", url = cluster.url) =>
  openRedisProgress({ url, cluster: true, keyPrefix, commandTimeoutMs: 20_000, logger: silentLogger });

progressContract("a Redis Cluster", async () => {
  const keyPrefix = crypto.randomUUID();
  return { open: () => open(keyPrefix) };
});

describe("progress in a Redis Cluster", () => {
  /** Their hash slots lie in the first, the second and the third third: CRC16 of the name, 16,384 slots. */
  const hosts = ["b", "a", "c"] as const;
  const uuids = hosts.map(() => crypto.randomUUID());
  const places = hosts.flatMap((host, at) => placesOf(host, uuids[at] ?? ""));

  it("is shared out by host, found from one node, and flushed whole", async () => {
    const agent = await open("shared", cluster.nodes[0]?.url);
    const flushed: string[] = [];
    const sink = {
      flush: async (all: readonly { snapshot: { migrationUuid: string } }[]) =>
        void flushed.push(...all.map(({ snapshot }) => snapshot.migrationUuid)),
    };
    for (const [at, host] of hosts.entries()) await agent.publish(host, [snapshotOf(uuids[at] ?? "", 1)]);
    const parts = { cache: agent, underWay: async () => places, sink, clock: systemClock, logger: silentLogger };
    const flush = startProgressFlush(parts);
    await vi.waitFor(() => expect(flushed.toSorted()).toEqual(uuids.toSorted()));
    await flush.stop();
    await agent.close();
  });

  it("goes on at the other nodes while one is gone, whose hosts are unavailable within a moment, and with all when it is back", async () => {
    const [agent, reader] = [await open("gone"), await open("gone")];
    const heard: number[] = [];
    await reader.subscribe((progress) => heard.push(...progress.map(({ sequence }) => sequence)));
    const publish = (at: number, sequence: number) =>
      agent.publish(hosts[at] ?? "", [snapshotOf(uuids[at] ?? "", sequence)]);
    for (const at of hosts.keys()) await publish(at, 1);
    // The one that the feed hangs on: of those that are named the first.
    await cluster.nodes[0]?.kill9();
    await expect(publish(0, 2)).rejects.toMatchObject({ code: "unavailable" });
    await expect(reader.read(places)).rejects.toMatchObject({ code: "unavailable" });
    await publish(1, 3);
    const others = snapshotsOf(await reader.read(places.slice(1)));
    expect(others.map(({ sequence }) => sequence).sort()).toEqual([1, 3]);
    let sequence = 10;
    await vi.waitFor(async () => {
      await publish(2, sequence++);
      expect(heard.some((number) => number >= 10)).toBe(true);
    });
    await cluster.nodes[0]?.start();
    await vi.waitFor(() => publish(0, sequence++));
    // Each process finds the node again by itself.
    await vi.waitFor(async () => expect((await reader.read(places)).size).toBe(3));
    await Promise.all([agent.close(), reader.close()]);
  });

  it("says what is to be set where it is taken for a server of its own", async () => {
    const [node] = cluster.nodes;
    const single = await openRedisProgress({ url: node?.url ?? "", logger: silentLogger });
    const reads = await Promise.allSettled(places.map((place) => single.read([place])));
    const refusals = reads.flatMap((read) => (read.status === "rejected" ? [read.reason] : []));
    expect(refusals).toHaveLength(2);
    for (const error of refusals) {
      expect(error).toMatchObject({ code: "unavailable" });
      expect(String(error)).toContain("set progress.cluster");
    }
    await single.close();
  });
});
