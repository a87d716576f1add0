import { describe, expect, it } from "vitest";
import type { PlacementReading } from "../placement-store.ts";
import type { ContractContext } from "./migration-contract.ts";
import { hostFacts, log, newMigration, observedGuest, roomy } from "./samples.ts";

const LIMITS = { memoryKiB: 1_000, maxIncoming: 10 };

/** What every driver promises to whoever follows what placement looks at. */
export function placementReadingContract(context: () => ContractContext): void {
  describe("placement", () => {
    const read = (since?: number): Promise<PlacementReading> => {
      const nowMs = context().clock.now().getTime();
      const about = { silentBefore: new Date(nowMs - 60_000), failedSince: new Date(nowMs - 600_000) };
      return context().store.placement.read({ since, about });
    };
    /** A migration that may claim a destination. */
    const prepared = async () => {
      const { migrations } = context().store;
      const { uuid, serverUuid } = await migrations.create(newMigration(), log);
      await migrations.takeSourceSlot(uuid, await versionOf(uuid), roomy, { state: "preparing" }, log);
      return { uuid, serverUuid };
    };
    const names = ({ hosts }: PlacementReading) => hosts.map(({ host }) => host.facts.host);

    it("is read whole at first: what guests have is added up, those that are off aside, and what is claimed", async () => {
      const { claims, guests, hosts } = context().store;
      const [east, west] = [
        await hosts.report(hostFacts("east"), "0.1.0"),
        await hosts.report(hostFacts("west"), "0.1.0"),
      ];
      const on = observedGuest({ memoryKiB: 10, vcpus: 2 });
      const paused = observedGuest({ memoryKiB: 5, vcpus: 1, powerState: "paused" });
      await guests.replaceSightings("east", [on, observedGuest({ powerState: "shutoff" }), paused]);
      const { uuid: migrationUuid, serverUuid } = await prepared();
      await claims.claim({ migrationUuid, host: "west", memoryKiB: 7 }, LIMITS);
      const reading = await read();
      expect(reading).toMatchObject({
        whole: true,
        gone: [],
        aggregates: [],
        about: { silent: new Map(), failures: new Map() },
      });
      expect(reading.hosts).toEqual([
        { host: east, usage: { memoryKiB: 15, vcpus: 3 }, claims: [] },
        {
          ...{ host: west, usage: { memoryKiB: 0, vcpus: 0 } },
          claims: [{ migrationUuid, serverUuid, host: "west", memoryKiB: 7 }],
        },
      ]);
    });

    it("counts the memory of a guest on its way once: by its claim, and by the guest once that is released", async () => {
      const { claims, guests, hosts } = context().store;
      await hosts.report(hostFacts("west"), "0.1.0");
      const { uuid: migrationUuid, serverUuid } = await prepared();
      await claims.claim({ migrationUuid, host: "west", memoryKiB: 7 }, LIMITS);
      const coming = observedGuest({ uuid: serverUuid, memoryKiB: 7, vcpus: 2, powerState: "paused" });
      const resident = observedGuest({ memoryKiB: 5, vcpus: 1 });
      await guests.replaceSightings("east", [{ ...coming, powerState: "running" }]);
      await guests.replaceSightings("west", [coming]);
      expect((await read()).hosts).toMatchObject([
        { usage: { memoryKiB: 0, vcpus: 2 }, claims: [{ serverUuid, memoryKiB: 7 }] },
      ]);
      await guests.replaceSightings("west", [coming, resident]);
      expect((await read()).hosts).toMatchObject([{ usage: { memoryKiB: 5, vcpus: 3 } }]);
      await claims.release(migrationUuid);
      expect((await read()).hosts).toMatchObject([{ usage: { memoryKiB: 12, vcpus: 3 }, claims: [] }]);
    });

    it("is read on by what has changed, whatever changed it, and nothing is read where nothing has", async () => {
      const { aggregates, claims, guests, hosts } = context().store;
      for (const name of ["east", "west", "north"]) await hosts.report(hostFacts(name), "0.1.0");
      const { uuid: migrationUuid } = await prepared();
      let { cursor } = await read();
      const changedBy = async (change: () => Promise<unknown>) => {
        await change();
        const reading = await read(cursor);
        ({ cursor } = reading);
        expect(reading.whole).toBe(false);
        return reading;
      };
      const claim = (host: string) => claims.claim({ migrationUuid, host, memoryKiB: 7 }, LIMITS);
      expect(names(await changedBy(async () => {}))).toEqual([]);
      expect(names(await changedBy(() => hosts.heartbeat(["east", "west"])))).toEqual([]);
      expect(names(await changedBy(() => hosts.set("east", { enabled: false })))).toEqual(["east"]);
      expect(names(await changedBy(() => hosts.report(hostFacts("west"), "0.2.0")))).toEqual(["west"]);
      expect(names(await changedBy(() => guests.replaceSightings("west", [observedGuest()])))).toEqual(["west"]);
      expect(names(await changedBy(() => claim("north")))).toEqual(["north"]);
      expect(names(await changedBy(() => claim("west")))).toEqual(["north", "west"]);
      expect(names(await changedBy(() => claims.release(migrationUuid)))).toEqual(["west"]);
      const rack = { name: "rack", availabilityZone: null, metadata: {}, hosts: ["east"] };
      expect(await changedBy(() => aggregates.create(rack))).toMatchObject({ hosts: [], aggregates: [rack] });
      const grown = await changedBy(() => aggregates.update("rack", { addHosts: ["north"], removeHosts: [] }));
      expect(grown.aggregates).toMatchObject([{ hosts: ["east", "north"] }]);
      const fewer = await changedBy(() => hosts.remove("north"));
      expect(fewer).toMatchObject({ hosts: [], gone: ["north"], aggregates: [{ hosts: ["east"] }] });
      expect((await changedBy(() => aggregates.remove("rack"))).aggregates).toEqual([]);
      expect(await changedBy(async () => {})).toMatchObject({ hosts: [], gone: [], aggregates: undefined });
    });

    it("names the hosts that are silent, and counts what failed lately, where that is asked", async () => {
      const { clock, store } = context();
      for (const name of ["east", "west"]) await store.hosts.report(hostFacts(name), "0.1.0");
      const heardOf = clock.now();
      const { cursor } = await read();
      clock.advance(60_000);
      expect((await read(cursor)).about?.silent).toEqual(new Map());
      clock.advance(1);
      await store.hosts.heartbeat(["west"]);
      expect((await read(cursor)).about?.silent).toEqual(new Map([["east", heardOf]]));
      const failed = await store.migrations.create(newMigration(), log);
      await store.migrations.update(failed.uuid, failed, { state: "failed", destinationHost: "west" }, log);
      expect((await read(cursor)).about?.failures).toEqual(new Map([["west", 1]]));
      clock.advance(600_001);
      expect((await read(cursor)).about?.failures).toEqual(new Map());
      expect((await store.placement.read({ since: cursor })).about).toBeUndefined();
    });

    it("is read whole again where the database is older than what was read of it", async () => {
      await context().store.hosts.report(hostFacts("east"), "0.1.0");
      const { cursor } = await read();
      expect((await read(cursor)).whole).toBe(false);
      const older = await read(cursor + 1_000_000_000);
      expect(older.whole).toBe(true);
      expect(names(older)).toEqual(["east"]);
    });

    async function versionOf(uuid: string) {
      const migration = await context().store.migrations.get(uuid);
      if (migration === undefined) throw new Error(`no migration ${uuid}`);
      return migration;
    }
  });
}
