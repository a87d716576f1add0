import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Lab, type LabHost, startLab, waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LibvirtConnection } from "./connection.ts";
import { VIR_DOMAIN_RUNNING_REASON, VIR_DOMAIN_STATE } from "./constants/domain-constants.ts";
import { VIR_DOMAIN_EVENT, VIR_DOMAIN_EVENT_RESUMED_DETAIL } from "./constants/event-constants.ts";
import { VIR_MIGRATE } from "./constants/migration-constants.ts";
import type { DomainEvent, EventsLost } from "./domain-events.ts";
import type { DomainEventStream } from "./event-stream.ts";
import { LibvirtHost } from "./host.ts";
import type { Domain } from "./procedures/shared-structures.ts";
import { testCertificates } from "./testing/test-certificates.ts";

const { VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_PERSIST_DEST, VIR_MIGRATE_UNDEFINE_SOURCE } = VIR_MIGRATE;
const MOVE = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;

/** Reads a stream to its end, so that a test can look at what came so far. */
function collect(stream: DomainEventStream): (DomainEvent | EventsLost)[] {
  const events: (DomainEvent | EventsLost)[] = [];
  void (async () => {
    for await (const event of stream) events.push(event);
  })().catch(() => undefined);
  return events;
}

describe("libvirtd 9.0.0 on two hosts", () => {
  let lab: Lab;
  let hosts: readonly [LabHost, LabHost];
  let source: LibvirtHost;
  let destination: LibvirtHost;

  beforeAll(async () => {
    lab = await startLab({ hosts: 2 });
    const [first, second] = lab.hosts;
    if (first === undefined || second === undefined) throw new Error("the lab has fewer hosts than asked for");
    hosts = [first, second];
    source = await LibvirtHost.open(hosts[0].uri);
    destination = await LibvirtHost.open(hosts[1].tcpUri);
  });
  afterAll(async () => {
    await source.close();
    await destination.close();
    await lab.stop();
    expect(lab.leftovers()).toEqual([]);
  });

  const migrate = (dom: Domain, flags: number, bandwidthMiBps?: number) => {
    const address = hosts[1].migrationAddress;
    const params = { migrateUri: `tcp://${address}`, listenAddress: address };
    return source.migrate(
      dom,
      hosts[1].tcpUri,
      bandwidthMiBps === undefined ? params : { ...params, bandwidthMiBps },
      flags,
    );
  };

  const copying = (dom: Domain) =>
    waitFor("memory to be copied", async () => {
      const stats = await source.control.domain.getJobStats(dom);
      return stats.operation === "migration-out" && (stats.memoryProcessedBytes ?? 0) > 0 ? stats : undefined;
    });

  test("answers questions about itself over its socket and over TCP", async () => {
    for (const { control } of [source, destination]) {
      expect(await control.connect.getType()).toBe("QEMU");
      expect(await control.connect.getLibVersion()).toBeGreaterThanOrEqual(9_000_000);
      const capabilities = await control.connect.getCapabilities();
      const cpu = /<cpu>.*?<\/cpu>/s.exec(capabilities)?.[0] ?? "";
      expect(await control.connect.compareCPU(cpu)).toBe(1);
      expect(await control.connect.baselineCPU([cpu])).toContain("<cpu");
      expect(await control.connect.getDomainCapabilities({ virtType: "qemu" })).toContain("<domainCapabilities>");
      const { model, memory, cpus } = await control.connect.nodeGetInfo();
      expect([model, memory > 0n, cpus > 0]).toEqual(["x86_64", true, true]);
    }
    expect(await source.control.connect.getHostname()).toBe("host-1");
    expect(await destination.control.connect.getHostname()).toBe("host-2");
  });

  test("keeps pools and volumes", async () => {
    const { storagePool, storageVol } = source.control;
    const target = hosts[0].folders.run;
    const pool = await storagePool.createXML(
      `<pool type='dir'><name>scratch</name><target><path>${target}</path></target></pool>`,
    );
    expect(await storagePool.lookupByTargetPath(target)).toEqual(pool);
    const vol = await storageVol.createXML(
      pool,
      "<volume><name>a.qcow2</name><capacity unit='MiB'>1</capacity><target><format type='qcow2'/></target></volume>",
    );
    expect((await storageVol.getInfo(vol)).capacity).toBe(1_048_576n);
    expect(await storagePool.listAllVolumes(pool)).toContainEqual(vol);
    await storageVol.delete(vol);
    await expect(storageVol.lookupByName(pool, "a.qcow2")).rejects.toMatchObject({
      libvirtCodeName: "VIR_ERR_NO_STORAGE_VOL",
    });
    await storagePool.destroy(pool);
  });

  test("moves a guest while job stats and events are read, and the guest arrives whole", async () => {
    const guest = await hosts[0].startGuest({ name: "moves", dirtyMiBps: 10 });
    const dom = await source.control.domain.lookupByUUID(guest.uuid);
    await source.control.domain.startDirtyRateCalc(dom, 1);
    const measured = await waitFor("the dirty rate", async () => {
      const [stats] = await source.control.domain.getStats([dom], 1 << 9);
      return stats?.params.find(({ field }) => field === "dirtyrate.megabytes_per_second");
    });
    expect(measured.value.type).toBe("llong");

    await using stream = await source.control.subscribe(["lifecycle", "job-completed", "migration-iteration"], { dom });
    const events = collect(stream);
    const moving = migrate(dom, MOVE);
    expect(await copying(dom)).toMatchObject({ type: "unbounded", memoryPageSizeBytes: 4096 });
    await moving;

    await waitFor("the event that the job is over", () => events.some(({ type }) => type === "job-completed"));
    expect(events).toContainEqual({ type: "migration-iteration", dom, iteration: 1 });
    const arrived = await destination.control.domain.lookupByUUID(guest.uuid);
    expect(await destination.control.domain.getState(arrived)).toEqual({
      state: VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING,
      reason: VIR_DOMAIN_RUNNING_REASON.VIR_DOMAIN_RUNNING_MIGRATED,
    });
    const last = await destination.control.domain.getCompletedJobStats(arrived, { keep: true });
    expect(last).toMatchObject({ type: "completed", operation: "migration-in", memoryRemainingBytes: 0 });
    expect(last.downtimeMs).toBeGreaterThan(0);
    expect((await guest.waitForFullCheck(hosts[1])).badPages).toBe(0);
    await expect(source.control.domain.lookupByUUID(guest.uuid)).rejects.toMatchObject({
      libvirtCodeName: "VIR_ERR_NO_DOMAIN",
    });
    await destination.control.domain.destroy(arrived);
  });

  test("leaves a guest where it was when its migration is aborted", async () => {
    const guest = await hosts[0].startGuest({ name: "stays", dirtyMiBps: 10 });
    const dom = await source.control.domain.lookupByUUID(guest.uuid);
    const moving = migrate(dom, MOVE, 4).then(
      () => undefined,
      (error: unknown) => error,
    );
    await copying(dom);
    await source.control.migration.setMaxDowntime(dom, 50);
    await source.control.migration.setMaxSpeed(dom, 5);
    expect(await source.control.migration.getMaxSpeed(dom)).toBe(5n);
    await source.control.domain.abortJob(dom);
    expect(await moving).toMatchObject({ code: "libvirt", libvirtCodeName: "VIR_ERR_OPERATION_ABORTED" });
    expect(await source.control.domain.getState(dom)).toMatchObject({ state: VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING });
    expect(await destination.control.domain.listAll()).not.toContainEqual(expect.objectContaining({ name: "stays" }));
    await source.control.domain.destroy(dom);
    await source.control.domain.undefine(dom);
  });

  test("switches to post-copy, and the destination says so while memory still comes", async () => {
    const guest = await hosts[0].startGuest({ name: "switches", dirtyMiBps: 30 });
    const dom = await source.control.domain.lookupByUUID(guest.uuid);
    await using stream = await destination.control.subscribe(["lifecycle"]);
    const events = collect(stream);
    const moving = migrate(dom, MOVE | VIR_MIGRATE.VIR_MIGRATE_POSTCOPY, 20);
    await copying(dom);
    await source.control.migration.startPostCopy(dom);
    await source.control.migration.setMaxSpeed(dom, 1000);
    await moving;
    const resumed = { type: "lifecycle", event: VIR_DOMAIN_EVENT.VIR_DOMAIN_EVENT_RESUMED };
    const detail = VIR_DOMAIN_EVENT_RESUMED_DETAIL.VIR_DOMAIN_EVENT_RESUMED_POSTCOPY;
    expect(events).toContainEqual(expect.objectContaining({ ...resumed, detail }));
    const arrived = await destination.control.domain.lookupByUUID(guest.uuid);
    expect((await guest.waitForFullCheck(hosts[1])).badPages).toBe(0);
    await destination.control.domain.destroy(arrived);
  });

  test("that stands still without a word is given up by keepalive", async () => {
    const connection = await LibvirtConnection.open(hosts[1].tcpUri, { keepalive: { intervalMs: 100, count: 3 } });
    hosts[1].freezeLibvirtd();
    try {
      await expect(connection.connect.getHostname()).rejects.toMatchObject({ code: "unavailable" });
    } finally {
      hosts[1].thawLibvirtd();
    }
  });

  test("speaks TLS with client certificates, confirms them with one byte, and refuses others", async () => {
    const host = hosts[1];
    await using certificates = await testCertificates(host.managementAddress);
    await using strangers = await testCertificates(host.managementAddress);
    const configuration = path.join(host.folders.etc, "libvirtd.conf");
    const before = await readFile(configuration, "utf8");
    const { folder } = certificates;
    await writeFile(
      configuration,
      [
        before.replace("listen_tls = 0", "listen_tls = 1"),
        `ca_file = "${folder}/cacert.pem"`,
        `cert_file = "${folder}/servercert.pem"`,
        `key_file = "${folder}/serverkey.pem"`,
        "",
      ].join("\n"),
    );
    await host.killLibvirtd();
    await host.startLibvirtd();
    const uri = (pki: string) => `qemu+tls://${host.managementAddress}/system?pkipath=${pki}`;
    await using connection = await LibvirtConnection.open(uri(folder));
    expect(await connection.connect.getHostname()).toBe("host-2");

    // A client whose certificate another authority signed, but which trusts the right one.
    await writeFile(path.join(strangers.folder, "cacert.pem"), certificates.caCertificate);
    await expect(LibvirtConnection.open(uri(strangers.folder))).rejects.toMatchObject({ code: "refused" });
  });
});
