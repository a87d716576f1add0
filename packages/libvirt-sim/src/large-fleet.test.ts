import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LibvirtConnection } from "@drover/libvirt";
import { expect, test } from "vitest";
import { startSimulatedFleet } from "./start-simulated-fleet.ts";

test("a hundred hosts with a thousand guests fit in one process", async ({ annotate }) => {
  const directory = await mkdtemp(join(tmpdir(), "sim-"));
  const hosts = Array.from({ length: 100 }, (_, index) => ({ name: `host-${index}` }));
  const guests = Array.from({ length: 1000 }, (_, index) => ({ name: `guest-${index}`, host: `host-${index % 100}` }));
  const before = { rssBytes: process.memoryUsage().rss, atMs: performance.now() };
  const fleet = await startSimulatedFleet({ directory, hosts, guests });
  try {
    const startedMs = performance.now() - before.atMs;
    const connections = await Promise.all(fleet.hosts.map(({ uri }) => LibvirtConnection.open(uri)));
    const lists = await Promise.all(connections.map((connection) => connection.domain.listAll()));
    const rssMiB = (process.memoryUsage().rss - before.rssBytes) / 1_048_576;
    await Promise.all(connections.map((connection) => connection.close()));
    expect(lists.flat()).toHaveLength(1000);
    await annotate(`started in ${startedMs.toFixed(0)} ms; ${rssMiB.toFixed(0)} MiB more resident, clients included`);
  } finally {
    await fleet.close();
    await rm(directory, { recursive: true, force: true });
  }
});
