import { failedChecks } from "@drover/model";
import { type Lab, type LabGuest, type LabHost, startLab } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LabBed, openLabBed } from "../lab-bed.test.support.ts";

const MIB = 1024 * 1024;

describe("a network for migrations beside that for management", { timeout: 120_000 }, () => {
  let lab: Lab;
  let bed: LabBed;
  let first: LabHost;
  let second: LabHost;
  let guest: LabGuest;

  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    [first, second] = lab.hosts as [LabHost, LabHost];
    bed = await openLabBed();
    // 64 MiB of it is a pattern that does not compress to nothing, as zero pages would.
    guest = await first.startGuest({ name: "carried", workingSetMiB: 64, dirtyMiBps: 5 });
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    await lab.stop();
    expect(lab.leftovers()).toEqual([]);
  });

  async function bytesDuring(work: () => Promise<unknown>) {
    const read = () => Promise.all([first.networkBytes("management"), first.networkBytes("migration")]);
    const before = await read();
    await work();
    const after = await read();
    return { management: after[0] - before[0], migration: after[1] - before[1] };
  }

  // One guest goes there, back and there again. libvirtd's conversation with libvirtd, and the agents', is kilobytes.
  test.each<[string, number, (host: LabHost) => string]>([
    ["an IPv4 address", 0, (host) => host.migrationAddress],
    ["an IPv6 address", 1, (host) => host.migrationAddress6],
    ["a name", 0, (host) => `${host.name}-migration`],
    ["a name that is an IPv6 address", 1, (host) => `${host.name}-migration6`],
  ])("memory crosses it alone, by %s", async (_, from, addressOf) => {
    const [source, destination] = from === 0 ? [first, second] : [second, first];
    await Promise.all(lab.hosts.map((host) => bed.startAgent(host, { live_migration_inbound_addr: addressOf(host) })));
    expect(failedChecks(await bed.check(guest, source, destination))).toEqual([]);

    const bytes = await bytesDuring(async () => {
      expect(await bed.move(guest, source, destination)).toMatchObject({ outcome: "arrived", error: null });
    });
    expect(bytes.migration).toBeGreaterThan(64 * MIB);
    expect(bytes.management).toBeLessThan(MIB);
    expect((await guest.waitForFullCheck(destination)).badPages).toBe(0);
  });

  test("disks that libvirt copies cross it too, with the parameters that memory is sent by", async () => {
    const disk = "/var/lib/libvirt/images/disk.raw";
    for (const host of lab.hosts) {
      await host.exec("mkdir", ["-p", "/var/lib/libvirt/images"]);
      await host.exec("truncate", ["--size=48M", disk]);
    }
    await first.exec("dd", ["if=/dev/urandom", `of=${disk}`, "bs=1M", "count=48"]);
    const devicesXml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
    await first.startGuest({ name: "with-disk", workingSetMiB: 8, devicesXml });
    const bytes = await bytesDuring(() =>
      first.virsh(
        ...["migrate", "--live", "--p2p", "--copy-storage-all", "with-disk", second.tcpUri],
        ...["--migrateuri", `tcp://[${second.migrationAddress6}]`, "--listen-address", second.migrationAddress6],
      ),
    );
    expect(bytes.migration).toBeGreaterThan(48 * MIB);
    expect(bytes.management).toBeLessThan(MIB);
    expect((await second.exec("sha256sum", [disk])).stdout).toBe((await first.exec("sha256sum", [disk])).stdout);
    await second.virsh("destroy", "with-disk");
  });
});
