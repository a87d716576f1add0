import {
  type Domain,
  isLibvirtError,
  type JobStats,
  type LibvirtConnection,
  VIR_DOMAIN_STATE,
  VIR_DOMAIN_XML,
  VIR_MIGRATE,
} from "@drover/libvirt";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { EventLog } from "./event-log.ts";
import type { LibvirtdPair } from "./libvirtd-harness.ts";
import { storageContract } from "./storage-contract.ts";

const { VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_PERSIST_DEST, VIR_MIGRATE_UNDEFINE_SOURCE } = VIR_MIGRATE;
const MOVE = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;
const NOWHERE_UUID = "00000000-0000-4000-8000-00000000dead";

/** Slow enough that a test can act before it is over, for guests of {@link SMALL}. */
const SLOW_MIBPS = 8;
const SMALL = { memoryMiB: 160, workingSetMiB: 16 };
const waitUntil = { timeout: 60_000, interval: 50 };

/**
 * What Drover relies on in a libvirtd. The same suite runs against the simulated one and a real one: whatever the code
 * above sees of either, it sees of both.
 */
export function libvirtdContract(start: () => Promise<LibvirtdPair>): void {
  let pair: LibvirtdPair;
  let source: LibvirtConnection;
  let destination: LibvirtConnection;

  beforeAll(async () => {
    pair = await start();
    source = pair.source.host.control;
    destination = pair.destination.host.control;
  });
  afterAll(async () => {
    await pair?.[Symbol.asyncDispose]();
  });

  async function guest(name: string, dirtyMiBps = 0): Promise<Domain> {
    await pair.createGuest({ name, ...SMALL, dirtyMiBps });
    return source.domain.lookupByName(name);
  }

  function migrate(dom: Domain, more: { flags?: number; bandwidthMiBps?: number } = {}): Promise<void> {
    const { inboundAddress, peerUri } = pair.destination;
    const params = {
      migrateUri: `tcp://${inboundAddress}`,
      listenAddress: inboundAddress,
      ...(more.bandwidthMiBps === undefined ? {} : { bandwidthMiBps: more.bandwidthMiBps }),
    };
    return pair.source.host.migrate(dom, peerUri, params, MOVE | (more.flags ?? 0));
  }

  /** Starts a migration that a test steers: it must not go unheard if the test fails first. */
  function migrating(dom: Domain, more: Parameters<typeof migrate>[1] = {}) {
    const outcome = migrate(dom, { bandwidthMiBps: SLOW_MIBPS, ...more }).then(
      () => "arrived",
      (error: unknown) => error,
    );
    return outcome;
  }

  function copying(dom: Domain): Promise<JobStats> {
    return vi.waitFor(async () => {
      const stats = await source.domain.getJobStats(dom);
      expect(stats.memoryProcessedBytes ?? 0).toBeGreaterThan(0);
      return stats;
    }, waitUntil);
  }

  async function remove(name: string): Promise<void> {
    for (const side of [source, destination]) {
      const found = (await side.domain.listAll()).find((dom) => dom.name === name);
      if (found === undefined) continue;
      if (found.id !== -1) await side.domain.destroy(found);
      if ((await side.domain.listAll()).some((dom) => dom.name === name)) await side.domain.undefine(found);
    }
  }

  describe("a host", () => {
    test("says what it is", async () => {
      expect(await source.connect.getHostname()).toBe(pair.source.name);
      expect(await source.connect.getVersion()).toBeGreaterThan(7_000_000);
      expect(await source.connect.getCapabilities()).toMatch(/<host>\s*<uuid>[0-9a-f-]{36}<\/uuid>/);
    });

    test("lists, shows and forgets a guest as it is defined, started, paused and stopped", async () => {
      await using log = await EventLog.open(source);
      const dom = await guest("inventory");
      expect(dom.id).toBeGreaterThan(0);
      expect((await source.domain.listAll()).map(({ name }) => name)).toContain("inventory");
      const live = await source.domain.getXMLDesc(dom);
      expect(live).toMatch(new RegExp(`<domain [^>]*id=['"]${dom.id}['"]`));
      expect(live).toMatch(/<memory unit=['"]KiB['"]>163840<\/memory>/);
      expect(await source.domain.getXMLDesc(dom, VIR_DOMAIN_XML.VIR_DOMAIN_XML_INACTIVE)).not.toMatch(
        /<domain [^>]*id=/,
      );
      const element = { key: "note", uri: "urn:example:note" };
      await source.domain.setMetadata(dom, element, "<text by='me'>hello</text>");
      expect(await source.domain.getMetadata(dom, element.uri)).toMatch(/^<text by=['"]me['"]>hello<\/text>$/);
      await source.domain.setMetadata(dom, element, null);
      await expect(source.domain.getMetadata(dom, element.uri)).rejects.toMatchObject({ libvirtCode: 80 });
      await source.domain.suspend(dom);
      expect(await source.domain.getState(dom)).toEqual({ state: VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED, reason: 1 });
      await source.domain.resume(dom);
      expect(await source.domain.getState(dom)).toEqual({ state: VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING, reason: 5 });
      await source.domain.destroy(dom);
      expect(await source.domain.getState(dom)).toEqual({ state: VIR_DOMAIN_STATE.VIR_DOMAIN_SHUTOFF, reason: 2 });
      expect((await source.domain.lookupByName("inventory")).id).toBe(-1);
      await source.domain.undefine(dom);
      expect((await source.domain.listAll()).map(({ name }) => name)).not.toContain("inventory");
      const [first, ...events] = log.of("inventory");
      expect(first).toBe("definedAdded");
      // A real one that did not boot was started once more.
      expect(events.slice(-7)).toEqual([
        "resumedUnpaused",
        "startedBooted",
        "suspendedPaused",
        "resumedUnpaused",
        "shutdownHost",
        "stoppedDestroyed",
        "undefinedRemoved",
      ]);
    });
  });

  test("refuses with libvirt's own codes", async () => {
    const running = await guest("refusals");
    const xml = await source.domain.getXMLDesc(running, VIR_DOMAIN_XML.VIR_DOMAIN_XML_INACTIVE);
    const offXml = xml.replaceAll("refusals", "refusals-off").replace(running.uuid, NOWHERE_UUID);
    const off = await source.domain.defineXML(offXml);
    const gone = { name: "gone", uuid: "11111111-0000-4000-8000-00000000dead", id: -1 };
    const { migration } = pair.source.host.control;
    const unreachable = "qemu+tcp://no-such-host.invalid/system";
    const refusals: readonly (readonly [what: string, call: () => Promise<unknown>, code: number, domain: number])[] = [
      ["an unknown UUID", () => source.domain.lookupByUUID(gone.uuid), 42, 10],
      ["an unknown name", () => source.domain.lookupByName("gone"), 42, 10],
      ["the state of an unknown guest", () => source.domain.getState(gone), 42, 10],
      ["starting what runs", () => source.domain.create(running), 55, 10],
      ["suspending what is off", () => source.domain.suspend(off), 55, 20],
      ["job statistics of what is off", () => source.domain.getJobStats(off), 55, 20],
      ["aborting without a job", () => source.domain.abortJob(running), 55, 10],
      ["post-copy without a migration", () => migration.startPostCopy(running), 55, 10],
      ["migrating what is off", () => migrate(off), 55, 20],
      ["migrating to itself", () => pair.source.host.migrate(running, pair.source.peerUri, {}, MOVE), 1, 10],
      ["migrating to nowhere", () => pair.source.host.migrate(running, unreachable, {}, MOVE), 38, 7],
      ["zero-copy over one socket", () => migrate(running, { flags: VIR_MIGRATE.VIR_MIGRATE_ZEROCOPY }), 55, 10],
      ["flags that do not exist", () => migrate(running, { flags: 0x4000_0000 }), 8, 10],
      ["a measurement of no length", () => source.domain.startDirtyRateCalc(running, 0), 67, 10],
      ["the UUID of another", () => source.domain.defineXML(xml.replace(">refusals<", ">other<")), 9, 20],
      ["a definition without a name", () => source.domain.defineXML("<domain type='qemu'/>"), 21, 20],
    ];
    const answers = [];
    for (const [what, call] of refusals) {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      answers.push([what, isLibvirtError(error) ? `${error.libvirtCode} from ${error.libvirtDomain}` : String(error)]);
    }
    expect(answers).toEqual(refusals.map(([what, , code, domain]) => [what, `${code} from ${domain}`]));
    await remove("refusals");
    await remove("refusals-off");
  });

  describe("a host's storage", () => storageContract(() => pair.source.host));

  describe("a migration", () => {
    test("moves the guest and tells both hosts' clients, in order", async () => {
      const dom = await guest("mover", 1);
      await using told = await EventLog.open(source);
      await using heard = await EventLog.open(destination);
      const outcome = migrating(dom, { bandwidthMiBps: 32 });
      const running = await copying(dom);
      expect(running).toMatchObject({ type: "unbounded", operation: "migration-out", memoryPageSizeBytes: 4096 });
      expect(await outcome).toBe("arrived");
      const arrived = await destination.domain.lookupByName("mover");
      expect(await destination.domain.getState(arrived)).toEqual({ state: 1, reason: 2 });
      expect(await destination.domain.isPersistent(arrived)).toBe(true);
      expect((await source.domain.listAll()).map(({ name }) => name)).not.toContain("mover");
      await vi.waitFor(() => expect(told.of("mover").at(-1)).toBe("jobCompleted"), waitUntil);
      expect(told.of("mover")).toEqual([
        "iteration",
        "suspendedMigrated",
        "iteration",
        "stoppedMigrated",
        "jobCompleted",
      ]);
      expect(heard.of("mover")).toEqual(["startedMigrated", "definedAdded", "resumedMigrated"]);
      const completed = await destination.domain.getCompletedJobStats(arrived);
      expect(completed).toMatchObject({ type: "completed", operation: "migration-in", memoryRemainingBytes: 0 });
      expect(completed.downtimeMs).toBeGreaterThan(0);
      expect((await destination.domain.getCompletedJobStats(arrived)).type).toBe("none");
      await remove("mover");
    });

    test("is called off: the guest stays, the destination is empty", async () => {
      const dom = await guest("stayer", 16);
      await using told = await EventLog.open(source);
      await using heard = await EventLog.open(destination);
      const outcome = migrating(dom);
      await copying(dom);
      const incoming = await destination.domain.lookupByName("stayer");
      expect((await destination.domain.getState(incoming)).state).toBe(VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED);
      const noStats = await destination.domain.getJobStats(incoming).catch((error: unknown) => error);
      expect(isLibvirtError(noStats, "VIR_ERR_OPERATION_UNSUPPORTED")).toBe(true);
      await expect(source.migration.startPostCopy(dom)).rejects.toMatchObject({ libvirtCode: 55 });
      await source.domain.abortJob(dom);
      expect(await outcome).toMatchObject({
        libvirtCode: 78,
        libvirtDomain: 10,
        text: expect.stringMatching(/canceled by client/),
      });
      expect(await source.domain.getState(dom)).toEqual({ state: 1, reason: 1 });
      expect((await source.domain.getJobStats(dom)).type).toBe("none");
      expect((await source.domain.getCompletedJobStats(dom)).type).toBe("none");
      expect((await destination.domain.listAll()).map(({ name }) => name)).not.toContain("stayer");
      await vi.waitFor(() => expect(heard.of("stayer")).toEqual(["startedMigrated", "stoppedFailed"]), waitUntil);
      expect(told.of("stayer")).toEqual(["iteration"]);
      await remove("stayer");
    });

    test("of a guest that cannot converge completes once it is suspended, and the guest runs on", async () => {
      const dom = await guest("suspended", 32);
      await using told = await EventLog.open(source);
      await using heard = await EventLog.open(destination);
      const outcome = migrating(dom);
      await copying(dom);
      await source.domain.suspend(dom);
      await source.migration.setMaxSpeed(dom, 64);
      expect(await outcome).toBe("arrived");
      const arrived = await destination.domain.lookupByName("suspended");
      expect(await destination.domain.getState(arrived)).toEqual({ state: 1, reason: 2 });
      await vi.waitFor(() => expect(told.of("suspended").at(-1)).toBe("jobCompleted"), waitUntil);
      expect(told.of("suspended")).toEqual([
        "iteration",
        "suspendedMigrated",
        "iteration",
        "stoppedMigrated",
        "jobCompleted",
      ]);
      expect(heard.of("suspended")).toEqual(["startedMigrated", "definedAdded", "resumedMigrated"]);
      await remove("suspended");
    });

    test("switches to post-copy when asked, and cannot be called off then", async () => {
      const dom = await guest("post-copied", 32);
      await using told = await EventLog.open(source);
      await using heard = await EventLog.open(destination);
      const outcome = migrating(dom, { flags: VIR_MIGRATE.VIR_MIGRATE_POSTCOPY });
      await copying(dom);
      await source.migration.startPostCopy(dom);
      expect(await outcome).toBe("arrived");
      const arrived = await destination.domain.lookupByName("post-copied");
      expect(await destination.domain.getState(arrived)).toEqual({ state: 1, reason: 2 });
      expect((await destination.domain.getCompletedJobStats(arrived)).type).toBe("none");
      await vi.waitFor(() => expect(told.of("post-copied").at(-1)).toBe("jobCompleted"), waitUntil);
      expect(told.of("post-copied")).toEqual([
        "iteration",
        "suspendedMigrated",
        "suspendedPostCopy",
        "iteration",
        "stoppedMigrated",
        "jobCompleted",
      ]);
      expect(heard.of("post-copied")).toEqual([
        "startedMigrated",
        "definedAdded",
        "resumedPostCopy",
        "resumedMigrated",
      ]);
      await remove("post-copied");
    });

    test("is one of eight at once: all are watched and one is called off meanwhile, with libvirtd's own limits", async () => {
      const names = Array.from({ length: 8 }, (_, index) => `eighth-${index + 1}`);
      // Each writes more than its link carries: none arrives before it is let, however long the others take to begin.
      const doms = await Promise.all(names.map((name) => guest(name, 4)));
      const outcomes = doms.map((dom) => migrating(dom, { bandwidthMiBps: 1 }));
      for (const dom of doms) await copying(dom);
      const [first, ...others] = doms;
      if (first === undefined) throw new RangeError("there is no first guest");
      // Answered while the others are still copied: it waits for none of them.
      await source.domain.abortJob(first);
      expect(await outcomes[0]).toMatchObject({ libvirtCode: 78 });
      for (const dom of others) expect((await source.domain.getJobStats(dom)).type).toBe("unbounded");
      for (const dom of others) await source.migration.setMaxSpeed(dom, 400);
      expect(await Promise.all(outcomes.slice(1))).toEqual(others.map(() => "arrived"));
      for (const name of names) await remove(name);
    }, 240_000);
  });
}
