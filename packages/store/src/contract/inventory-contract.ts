import { describe, expect, it } from "vitest";
import type { ContractContext } from "./migration-contract.ts";
import { hostFacts, log, newMigration, observedGuest } from "./samples.ts";

/** What every driver promises about hosts and guests. */
export function inventoryContract(context: () => ContractContext): void {
  describe("hosts", () => {
    it("are numbered once and refreshed by each report", async () => {
      const { hosts } = context().store;
      const first = await hosts.report(hostFacts("east"), "0.1.0");
      expect(first).toMatchObject({ id: 1, enabled: true, disabledReason: null, agentVersion: "0.1.0" });
      context().clock.advance(5000);
      const newer = { ...hostFacts("east"), memoryKiB: 1 };
      const second = await hosts.report(newer, "0.2.0");
      expect(second).toEqual({ ...first, facts: newer, agentVersion: "0.2.0", lastSeenAt: context().clock.now() });
      await hosts.report(hostFacts("west"), "0.1.0");
      expect((await hosts.list()).map((host) => host.facts.host)).toEqual(["east", "west"]);
      expect(await hosts.get("east")).toEqual(second);
      expect(await hosts.get("north")).toBeUndefined();
      expect(await hosts.getMany(["north", "east"])).toEqual([second]);
      expect(await hosts.getMany([])).toEqual([]);
    });

    it("live on by heartbeats, and the unknown are named", async () => {
      const { hosts } = context().store;
      await hosts.report(hostFacts("east"), "0.1.0");
      const silent = await hosts.report(hostFacts("west"), "0.1.0");
      context().clock.advance(10_000);
      const nowMs = context().clock.now().getTime();
      const east = { beforeMs: silent.lastSeenAt.getTime(), nowMs, missingUpToMs: 0 };
      expect(await hosts.heartbeat(["east", "nowhere"])).toEqual(new Map([["east", east]]));
      expect((await hosts.get("east"))?.lastSeenAt).toEqual(context().clock.now());
      expect(await hosts.get("west")).toEqual(silent);
      expect(await hosts.heartbeat([])).toEqual(new Map());
    });

    it("that are removed are unknown, and are remembered to have been heard of when they report again", async () => {
      const { hosts } = context().store;
      const { lastSeenAt } = await hosts.report(hostFacts("east"), "0.1.0");
      expect(await hosts.remove("east")).toBe(true);
      context().clock.advance(1000);
      expect(await hosts.heartbeat(["east"])).toEqual(new Map());
      expect(await hosts.get("east")).toBeUndefined();
      const again = await hosts.takeReport({
        facts: hostFacts("east"),
        agentVersion: "0.1.0",
        guests: [],
        sequence: 3,
      });
      expect(again).toMatchObject({ heardOfBeforeMs: lastSeenAt.getTime(), taken: true, newest: 3 });
      expect(again.host.lastSeenAt).toEqual(context().clock.now());
    });

    it("remember up to when writes about them may be missing, and only ever a later time", async () => {
      const { hosts } = context().store;
      await hosts.report(hostFacts("east"), "0.1.0");
      await hosts.report(hostFacts("west"), "0.1.0");
      expect(await hosts.restored()).toEqual(new Map());
      for (const upToMs of [2000, 1000, 3000, 2500]) await hosts.noteRestored("east", upToMs);
      await hosts.noteRestored("nowhere", 1000);
      expect(await hosts.restored()).toEqual(new Map([["east", 3000]]));
    });

    it("are judged by when they were heard of before, and what is missing is noted with the sign of life", async () => {
      const { hosts } = context().store;
      const { lastSeenAt } = await hosts.report(hostFacts("east"), "0.1.0");
      const beforeMs = lastSeenAt.getTime();
      context().clock.advance(1000);
      const nowMs = beforeMs + 1000;
      const judged: [string, number][] = [];
      const missingUpTo = (host: string, heardOfBeforeMs: number) => {
        judged.push([host, heardOfBeforeMs]);
        return 2000;
      };
      expect(await hosts.heartbeat(["east", "nowhere"], missingUpTo)).toEqual(
        new Map([["east", { beforeMs, nowMs, missingUpToMs: 2000 }]]),
      );
      const report = { facts: hostFacts("west"), agentVersion: "0.1.0", guests: [], sequence: 0 };
      expect(await hosts.takeReport(report, missingUpTo)).toMatchObject({ heardOfBeforeMs: 0, missingUpToMs: 2000 });
      expect(judged).toEqual([
        ["east", beforeMs],
        ["west", 0],
      ]);
      expect(await hosts.restored()).toEqual(
        new Map([
          ["east", 2000],
          ["west", 2000],
        ]),
      );
    });

    it("were never heard of earlier than was said before, though a conductor's clock is behind", async () => {
      const { hosts } = context().store;
      const ahead = (await hosts.report(hostFacts("east"), "0.1.0")).lastSeenAt;
      context().clock.advance(-5000);
      const same = { beforeMs: ahead.getTime(), nowMs: ahead.getTime(), missingUpToMs: 0 };
      expect(await hosts.heartbeat(["east"])).toEqual(new Map([["east", same]]));
      expect((await hosts.report(hostFacts("east"), "0.1.0")).lastSeenAt).toEqual(ahead);
    });
  });

  describe("guests", () => {
    it("are those of the newest report, whatever comes late", async () => {
      const { guests, hosts } = context().store;
      const [old, now] = [observedGuest({ name: "old" }), observedGuest({ name: "now" })];
      const report = async (names: readonly (typeof old)[], sequence: number) => {
        const facts = hostFacts("east");
        const { taken, newest } = await hosts.takeReport({ facts, agentVersion: "0.1.0", guests: names, sequence });
        return { taken, newest };
      };
      expect(await report([now], 7)).toEqual({ taken: true, newest: 7 });
      expect(await report([old], 6)).toEqual({ taken: false, newest: 7 });
      expect(await report([old], 7)).toEqual({ taken: false, newest: 7 });
      expect((await guests.byHost("east")).map(({ name }) => name)).toEqual(["now"]);
      expect(await report([now, old], 8)).toEqual({ taken: true, newest: 8 });
      expect(await guests.byHost("east")).toHaveLength(2);
      expect(await report([], 0)).toEqual({ taken: true, newest: 8 });
      expect(await guests.byHost("east")).toEqual([]);
      expect(await report([now], 8)).toEqual({ taken: false, newest: 8 });
    });

    it("come with the facts of their host; a report that is too old counts as a sign of life alone", async () => {
      const { guests, hosts, placement } = context().store;
      const firstAt = context().clock.now();
      const seen = observedGuest({ name: "seen", memoryKiB: 10 });
      const report = (agentVersion: string, sequence: number) =>
        hosts.takeReport({ facts: hostFacts("east"), agentVersion, guests: [seen], sequence });
      const first = await report("0.1.0", 5);
      expect(first).toMatchObject({ heardOfBeforeMs: 0, taken: true, newest: 5 });
      expect(first.host).toEqual(await hosts.get("east"));
      expect(first.host).toMatchObject({ agentVersion: "0.1.0", lastSeenAt: firstAt });
      await hosts.set("east", { enabled: false });
      const { cursor } = await placement.read({});
      context().clock.advance(1000);
      const late = await report("0.2.0", 4);
      expect(late).toMatchObject({ heardOfBeforeMs: firstAt.getTime(), taken: false, newest: 5 });
      expect(late.host).toMatchObject({ agentVersion: "0.1.0", enabled: false, lastSeenAt: context().clock.now() });
      expect(late.host).toEqual(await hosts.get("east"));
      expect(await guests.byHost("east")).toEqual([{ ...seen, host: "east", seenAt: firstAt }]);
      expect((await placement.read({ since: cursor })).hosts).toEqual([]);
      await report("0.3.0", 6);
      const { hosts: changed } = await placement.read({ since: cursor });
      expect(changed).toMatchObject([{ host: { agentVersion: "0.3.0" }, usage: { memoryKiB: 10 } }]);
    });

    it("are what their host reported last", async () => {
      const { guests } = context().store;
      const stays = observedGuest({ name: "stays “here”" });
      const goes = observedGuest({ powerState: "paused", persistent: false, migrating: true });
      await guests.replaceSightings("east", [stays, goes]);
      await guests.replaceSightings("west", [goes]);
      const seenAt = context().clock.now();
      const both = [
        { ...goes, host: "east", seenAt },
        { ...goes, host: "west", seenAt },
      ];
      expect(await guests.byServer(goes.uuid)).toEqual(both);
      expect(await guests.byName(goes.name)).toEqual(both);
      expect(await guests.byName("stays “here”")).toEqual([{ ...stays, host: "east", seenAt }]);
      context().clock.advance(1000);
      await guests.replaceSightings("east", [{ ...stays, powerState: "shutoff" }]);
      const later = { ...stays, powerState: "shutoff", host: "east", seenAt: context().clock.now() };
      expect(await guests.byHost("east")).toEqual([later]);
      expect(await guests.list()).toHaveLength(2);
      await guests.replaceSightings("east", []);
      expect(await guests.byHost("east")).toEqual([]);
      expect(await guests.byServer(stays.uuid)).toEqual([]);
    });

    it("are found by their names page by page, in the order of bytes, with those that only a migration knows", async () => {
      const { guests, migrations } = context().store;
      const upper = observedGuest({ name: "Zebra" });
      const lower = observedGuest({ name: "alpha" });
      const umlaut = observedGuest({ name: "älter" });
      const twin = observedGuest({ name: "alpha" });
      await guests.replaceSightings("east", [lower, umlaut, upper, twin]);
      await guests.replaceSightings("west", [lower]);
      const { serverUuid: moving } = await migrations.create(newMigration({ serverName: "mover" }), log);
      const first = await guests.namesAfter(undefined, 3);
      const [one, two] = [lower.uuid, twin.uuid].sort();
      expect(first).toEqual([
        { name: "Zebra", uuid: upper.uuid },
        { name: "alpha", uuid: one },
        { name: "alpha", uuid: two },
      ]);
      expect(await guests.namesAfter(first[1], 10)).toEqual([
        { name: "alpha", uuid: two },
        { name: "mover", uuid: moving },
        { name: "älter", uuid: umlaut.uuid },
      ]);
      expect(await guests.namesAfter({ name: "älter", uuid: umlaut.uuid }, 10)).toEqual([]);
    });

    it("arrive by the thousand, and reports of one host are never mixed", async () => {
      const { guests, hosts } = context().store;
      const other = await context().openAnother();
      const reports = [0, 1, 2, 3].map((n) => Array.from({ length: 500 }, () => observedGuest({ name: `run ${n}` })));
      const rest = { facts: hostFacts("east"), agentVersion: "0.1.0", sequence: 0 };
      await Promise.all(
        reports.map((report, n) => (n % 2 === 0 ? hosts : other.hosts).takeReport({ ...rest, guests: report })),
      );
      const kept = await guests.byHost("east");
      expect(kept).toHaveLength(500);
      expect(new Set(kept.map((guest) => guest.name)).size).toBe(1);
    });
  });
}
