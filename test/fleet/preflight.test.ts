/** The preflight over a whole plane: it must say what a migration then does. */
import { waitFor } from "@drover/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

let plane: SimulatedPlane;
beforeEach(async () => {
  plane = await startSimulatedPlane();
});
afterEach(() => plane[Symbol.asyncDispose]());

test("the migration goes where the preflight said, and the log says why", async () => {
  await plane.addGuest({ name: "web" });
  const report = await plane.client.preflight("web");
  expect(report).toMatchObject({ canMove: true, sourceHost: "alpha", requestedHost: null });
  expect(report.hosts.map(({ host, verdict }) => [host, verdict])).toEqual([
    ["beta", "fit"],
    ["gamma", "fit"],
  ]);
  expect(report.hosts[0]?.checks.map(({ check }) => check)).toEqual(
    expect.arrayContaining(["scheduler", "cpu-compatible", "memory-free", "incoming-slot-free", "memory-claimable"]),
  );
  expect((await plane.client.migrations()).migrations).toEqual([]);

  const { migration } = await plane.client.migrate("web");
  const done = await waitFor("the end of the migration", async () => {
    const detail = await plane.client.migration(migration.id);
    return detail.migration.state === "completed" ? detail : undefined;
  });
  expect(done.migration.destinationHost).toBe(report.chosenHost);
  expect(done.log.find(({ event }) => event === "choose-destination")?.message).toContain("weight 11 (ram 1 x 1");
});

test("what a migration is refused for is what the preflight reports, for one host and for a whole one", async () => {
  await plane.addGuest({ name: "huge", memoryMiB: 12_000 });
  await plane.addGuest({ name: "small" });
  for (const host of ["beta", "gamma"]) {
    await plane.addGuest({ name: `tenant-of-${host}`, host, memoryMiB: 8_192, touchedMiB: 100 });
  }
  const report = await plane.client.preflight("huge", { host: "gamma" });
  expect(report).toMatchObject({ canMove: false, chosenHost: null, requestedHost: "gamma" });
  const failed = report.hosts.map(({ host, checks }) => [
    host,
    checks.filter(({ passed }) => !passed).map(({ check }) => check),
  ]);
  expect(failed).toEqual([["gamma", ["memory", "memory-free", "memory-claimable"]]]);

  const departures = await plane.client.preflightHost("alpha");
  expect(departures).toMatchObject({ canMove: 1, cannotMove: 1 });
  expect(departures.servers.map(({ server, canMove }) => [server.name, canMove])).toEqual([
    ["huge", false],
    ["small", true],
  ]);
});
