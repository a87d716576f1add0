import { duplexPair } from "node:stream";
import { LibvirtConnection, VIR_DOMAIN_PAUSED_REASON, VIR_MIGRATE } from "@drover/libvirt";
import { expect, test } from "vitest";
import { ManualClock } from "./manual-clock.ts";
import { startSimulatedFleet } from "./start-simulated-fleet.ts";

const { VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_PERSIST_DEST } = VIR_MIGRATE;
const CONFIRM_MS = 1_000;

/** A guest on its way from alpha to beta, over connections in memory and a clock of the test's. */
async function migrating() {
  const clock = new ManualClock();
  const fleet = await startSimulatedFleet({
    clock,
    hosts: [{ name: "alpha" }, { name: "beta" }],
    guests: [{ name: "web", host: "alpha", memoryMiB: 512, touchedMiB: 100, dirtyMiBps: 0 }],
    timings: { confirmMs: CONFIRM_MS },
  });
  const [client, server] = duplexPair();
  fleet.accept("alpha", server);
  const quiet = { keepalive: { intervalMs: 0, count: 0 } };
  const connection = await LibvirtConnection.openOver(client, "qemu:///system", quiet);
  const [dom] = await connection.domain.listAll();
  if (dom === undefined) throw new Error("alpha has no guest");
  const flags = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST;
  const answer = connection.migration.perform3Params(dom, "qemu+tcp://beta/system", {}, flags, {
    deadlineMs: Infinity,
  });
  answer.catch(() => {});
  const guests = () =>
    fleet.guests().map(({ host, running, paused, reason, job }) => ({ host, running, paused, reason, job }));
  return { clock, fleet, answer, guests };
}

test.each(["alpha", "beta"])(
  "a copy ends when libvirtd of %s does, and the guest goes on at its source",
  async (host) => {
    const { clock, fleet, answer, guests } = await migrating();
    await clock.pass(450);
    expect(guests()).toHaveLength(2);
    fleet.faults.libvirtdDown(host);
    await clock.pass(1_000);
    await expect(answer).rejects.toThrow(host === "alpha" ? /carried out/ : /Lost connection/);
    expect(fleet.answers(host)).toBe(false);
    fleet.faults.libvirtdUp(host);
    expect(guests()).toEqual([expect.objectContaining({ host: "alpha", running: true, job: "none" })]);
  },
);

test("a source whose libvirtd ends before the confirmation keeps its guest paused for migration, beside the one that runs", async () => {
  const { clock, fleet, guests } = await migrating();
  while (!guests().some(({ host, running }) => host === "beta" && running)) await clock.pass(10);
  fleet.faults.libvirtdDown("alpha");
  fleet.faults.libvirtdUp("alpha");
  await clock.pass(2 * CONFIRM_MS);
  const reason = VIR_DOMAIN_PAUSED_REASON.VIR_DOMAIN_PAUSED_MIGRATION;
  expect(guests()).toEqual([
    expect.objectContaining({ host: "alpha", paused: true, reason, job: "none" }),
    expect.objectContaining({ host: "beta", running: true, job: "none" }),
  ]);
});
