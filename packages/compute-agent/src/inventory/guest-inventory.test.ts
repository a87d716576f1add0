import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LibvirtConnection, LibvirtError, VIR_MIGRATE } from "@drover/libvirt";
import { startSimulatedFleet } from "@drover/libvirt-sim";
import { type Clock, silentLogger, systemClock } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { expect, test } from "vitest";
import { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { GuestInventory } from "./guest-inventory.ts";

const { VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER } = VIR_MIGRATE;

test("a guest in a long copy waits for one more read, however often it was read, is read until the copy ends, and is news only then", async () => {
  await using closing = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "drover-inventory-"));
  closing.defer(() => rm(directory, { recursive: true }));
  const fleet = await startSimulatedFleet({ directory, clock: systemClock, hosts: [{ name: "h1" }, { name: "h2" }] });
  closing.defer(() => fleet.close());
  fleet.faults.setLinkBandwidth("h1", "h2", 10);
  const uuid = fleet.addGuest({ host: "h1", name: "long", memoryMiB: 512, touchedMiB: 400 });
  const connection = await LibvirtConnection.open(fleet.host("h1").uri);
  closing.use(connection);

  let longWaits = 0;
  let reads = 0;
  const counting: Clock = {
    ...systemClock,
    sleep: async (ms, signal) => {
      // The other wait of an inventory is its debounce, of a tenth of a second.
      const counted = ms >= 1_000 ? 1 : 0;
      longWaits += counted;
      await systemClock.sleep(ms, signal).finally(() => {
        longWaits -= counted;
        reads += 1 - counted;
      });
    },
  };
  let news = 0;
  const link = new LibvirtLink({ uri: fleet.host("h1").uri, clock: systemClock, logger: silentLogger });
  closing.defer(() => link.stop());
  const onChange = (): void => {
    news += 1;
  };
  const inventory = new GuestInventory({ link, clock: counting, logger: silentLogger, onChange });
  closing.defer(() => inventory.stop());
  const isMigrating = (): boolean => inventory.guests().some((guest) => guest.migrating);
  inventory.start();
  link.start();

  const domain = await connection.domain.lookupByUUID(uuid);
  const moving = connection.migration.perform3Params(
    domain,
    fleet.host("h2").peerUri,
    {},
    VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER,
  );
  moving.catch(() => {});
  await waitFor("the copy to be seen", () => {
    inventory.touch(uuid);
    return isMigrating();
  });
  const newsBefore = news;
  for (let round = 0; round < 5; round += 1) {
    const before = reads;
    inventory.touch(uuid);
    await waitFor("the guest to be read", () => reads > before);
    expect(longWaits).toBeLessThanOrEqual(1);
  }
  const before = reads;
  await waitFor("it to be read again unasked", () => reads > before);
  expect(news).toBe(newsBefore);
  await connection.domain.abortJob(domain);
  await expect(moving).rejects.toMatchObject({ code: "libvirt" });
  await waitFor("the end to be seen", () => !isMigrating());
  await waitFor("the end to be told", () => news > newsBefore);
});

test("a guest that something holds is told with the others, and keeps none of them from being told", async () => {
  await using closing = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "drover-inventory-"));
  closing.defer(() => rm(directory, { recursive: true }));
  const fleet = await startSimulatedFleet({ directory, clock: systemClock, hosts: [{ name: "h1" }] });
  closing.defer(() => fleet.close());
  for (const name of ["held", "other"]) fleet.addGuest({ host: "h1", name });
  const held = LibvirtError.refusal(
    "VIR_ERR_OPERATION_TIMEOUT",
    "Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainSetVcpus)",
  );
  fleet.faults.onCall("h1", "domainGetJobStats", { kind: "refuse", error: held }, Number.POSITIVE_INFINITY);
  const link = new LibvirtLink({ uri: fleet.host("h1").uri, clock: systemClock, logger: silentLogger });
  closing.defer(() => link.stop());
  const inventory = new GuestInventory({ link, clock: systemClock, logger: silentLogger, onChange: () => {} });
  closing.defer(() => inventory.stop());
  inventory.start();
  link.start();
  await waitFor("the guests to be read", () => inventory.hasRead);
  expect(inventory.guests()).toMatchObject([
    { name: "held", powerState: "running", migrating: false },
    { name: "other", powerState: "running", migrating: false },
  ]);
});
