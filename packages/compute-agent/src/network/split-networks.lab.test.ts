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

  test("consoles listen on the other host's address after the move, in both definitions", async () => {
    await Promise.all(lab.hosts.map((host) => bed.startAgent(host, { console_listen_addr: host.managementAddress })));
    const at = first.managementAddress;
    const devicesXml =
      `<graphics type='vnc' port='-1' autoport='yes' listen='${at}'/>` +
      `<serial type='tcp'><source mode='bind' host='${at}' service='4555'/><protocol type='telnet'/><target port='1'/></serial>`;
    const shown = await first.startGuest({ name: "shown", workingSetMiB: 8, devicesXml });
    expect(failedChecks(await bed.check(shown, first, second))).toEqual([]);
    expect(await bed.move(shown, first, second)).toMatchObject({ outcome: "arrived", error: null });
    expect(await second.virsh("domdisplay", "shown")).toBe(`vnc://${second.managementAddress}:0`);
    for (const options of [[], ["--inactive"]]) {
      const xml = await second.virsh("dumpxml", "shown", ...options);
      expect(xml).not.toContain(at);
      expect(xml.split(second.managementAddress).length).toBeGreaterThan(2);
    }
    const listening = (await second.exec("ss", ["-Hltn"])).stdout;
    for (const port of ["5900", "4555"]) expect(listening).toContain(`${second.managementAddress}:${port}`);
    await second.virsh("destroy", "shown");
    await second.virsh("undefine", "shown");
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
