import { join } from "node:path";
import { failedChecks, type PreCheck } from "@drover/model";
import {
  createLabAuthority,
  type Lab,
  type LabAuthority,
  type LabGuest,
  type LabHost,
  startLab,
} from "@drover/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type LabBed, openLabBed } from "../lab-bed.test.support.ts";

describe("hosts that speak TLS", { timeout: 120_000 }, () => {
  let lab: Lab;
  let bed: LabBed;
  let source: LabHost;
  let destination: LabHost;
  let guest: LabGuest;
  let strangers: LabAuthority;

  beforeAll(async () => {
    lab = await startLab({ hosts: 2, tls: true });
    [source, destination] = lab.hosts as [LabHost, LabHost];
    strangers = await createLabAuthority(join(lab.folder, "strangers"));
    bed = await openLabBed();
    await Promise.all(lab.hosts.map((host) => bed.startAgent(host)));
    guest = await source.startGuest({ name: "guarded", workingSetMiB: 16, dirtyMiBps: 1 });
  });
  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
    await lab.stop();
    expect(lab.leftovers()).toEqual([]);
  });

  beforeEach(async () => {
    await Promise.all(lab.hosts.map((host) => host.writeCertificates("libvirt")));
    await Promise.all(lab.hosts.map((host) => host.removeCertificates("qemu")));
  });

  /** The guest goes there, and the two change their places. */
  async function arrives(options: Parameters<LabBed["move"]>[3] = {}) {
    expect(failedChecks(await bed.check(guest, source, destination))).toEqual([]);
    const outcome = await bed.move(guest, source, destination, options);
    expect(outcome).toMatchObject({ outcome: "arrived", error: null });
    [source, destination] = [destination, source];
    return new Map(outcome.flags?.map((flag) => [flag.name, flag]));
  }

  /** It does not, goes on, and its destination holds nothing; resolves with what was said of it. */
  async function stays(): Promise<string> {
    const outcome = await bed.move(guest, source, destination);
    expect(outcome.outcome).toBe("stayed");
    expect(await source.virsh("domstate", guest.name)).toBe("running");
    expect(await destination.virsh("list", "--all", "--name")).toBe("");
    expect(destination.qemuPids().size).toBe(0);
    return JSON.stringify(outcome.error);
  }

  function nativeTls(checks: readonly PreCheck[]) {
    return checks.find(({ check }) => check === "native-tls");
  }

  test("without certificates for QEMU, libvirtd's conversation is encrypted and the copy says that it is not", async () => {
    await expect(source.exec("virsh", ["--connect", destination.tcpUri, "hostname"])).rejects.toThrow();
    const flags = await arrives();
    expect(flags.has("VIR_MIGRATE_TLS")).toBe(false);
    expect(flags.get("migrate_uri")?.reason).toMatch(/in the clear: .* it has no ca-cert.pem/);
  });

  test("with them, memory is encrypted, and post-copy works", async () => {
    await Promise.all(lab.hosts.map((host) => host.writeCertificates("qemu")));
    expect((await arrives()).has("VIR_MIGRATE_TLS")).toBe(true);
    const flags = await arrives({ policy: { permitPostCopy: true, bandwidthMiBps: 8 }, forceComplete: true });
    expect([...flags.keys()]).toEqual(expect.arrayContaining(["VIR_MIGRATE_TLS", "VIR_MIGRATE_POSTCOPY"]));
    expect((await guest.waitForFullCheck(source)).badPages).toBe(0);
  });

  test("a certificate for the host's name alone is enough, and disks are encrypted with it", async () => {
    await Promise.all(lab.hosts.map((host) => host.writeCertificates("qemu", { names: [host.name] })));
    const flags = await arrives();
    expect(flags.get("tls.destination")?.value).toBe(source.name);

    const disk = "/var/lib/libvirt/images/disk.raw";
    for (const host of lab.hosts) {
      await host.exec("mkdir", ["-p", "/var/lib/libvirt/images"]);
      await host.exec("truncate", ["--size=8M", disk]);
    }
    await source.exec("dd", ["if=/dev/urandom", `of=${disk}`, "bs=1M", "count=8"]);
    const devicesXml = `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`;
    await source.startGuest({ name: "with-disk", workingSetMiB: 8, devicesXml });
    await source.virsh(
      ...["migrate", "--live", "--p2p", "--copy-storage-all", "with-disk", destination.tlsUri, "--tls"],
      ...["--migrateuri", `tcp://${destination.migrationAddress}`, "--listen-address", destination.migrationAddress],
      ...["--tls-destination", destination.name],
    );
    const digest = async (host: LabHost) => (await host.exec("sha256sum", [disk])).stdout;
    expect(await digest(destination)).toBe(await digest(source));
    await destination.virsh("destroy", "with-disk");
    await Promise.all([source, destination].map((host) => host.virsh("undefine", "with-disk").catch(() => undefined)));
  });

  test("an operator who requires TLS gets none but encrypted copies", async () => {
    await bed.startAgent(source, { live_migration_with_native_tls: true });
    expect(nativeTls(await bed.check(guest, source, destination))).toMatchObject({ passed: false });
    expect(await stays()).toContain("requires TLS for memory and disks");
    await bed.startAgent(source);
  });

  test.each<[string, () => Promise<void>, RegExp]>([
    ["the destination's for another name", () => badServer({ names: ["elsewhere"] }), /servercert.pem/],
    ["the destination's by another authority", () => badServer({ authority: strangers }), /servercert.pem/],
    ["the destination's, expired", () => badServer({ expired: "server" }), /servercert.pem/],
    [
      "the source's, expired",
      () => source.writeCertificates("libvirt", { expired: "client" }),
      /expired|clientcert.pem/,
    ],
    ["none at the source", () => source.writeCertificates("libvirt", { withoutClient: true }), /clientcert.pem/],
  ])("libvirtd refuses a certificate, and the guest stays: %s", async (_, spoil, said) => {
    await spoil();
    expect(await stays()).toMatch(said);
    await destination.writeCertificates("libvirt");
    await bed.restartLibvirtd(destination);
  });

  async function badServer(options: Parameters<LabHost["writeCertificates"]>[1]): Promise<void> {
    await destination.writeCertificates("libvirt", options);
    await bed.restartLibvirtd(destination);
  }

  test.each<[string, () => Promise<void>, RegExp, RegExp]>([
    [
      "the destination's for another name",
      () => destination.writeCertificates("qemu", { names: ["elsewhere"] }),
      /server-cert.pem of .* is for DNS:elsewhere/,
      /server-cert.pem/,
    ],
    [
      "the destination's by another authority",
      () => destination.writeCertificates("qemu", { authority: strangers }),
      /server-cert.pem of .* another authority/,
      /give both one|may not have accepted|client-cert.pem/,
    ],
    [
      "the destination's, expired",
      () => destination.writeCertificates("qemu", { expired: "server" }),
      /server-cert.pem of .* expired on/,
      /in place of the one named|has expired/,
    ],
    [
      "none at the source",
      () => source.writeCertificates("qemu", { withoutClient: true }),
      /there is no client-cert.pem of/,
      /client-cert.pem/,
    ],
  ])(
    "QEMU would refuse a certificate; the checks say so, and without them the guest stays: %s",
    async (_, spoil, checked, said) => {
      await Promise.all(lab.hosts.map((host) => host.writeCertificates("qemu")));
      await spoil();
      const check = nativeTls(await bed.check(guest, source, destination));
      expect(check).toMatchObject({ passed: false, message: expect.stringMatching(checked) });
      expect(await stays()).toMatch(said);
    },
  );
});
