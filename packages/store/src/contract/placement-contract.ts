import { describe, expect, it } from "vitest";
import type { NewAggregate, NewServerGroup } from "../store.ts";
import type { ContractContext } from "./migration-contract.ts";
import { hostFacts, log, newMigration, observedGuest } from "./samples.ts";

const [ONE, TWO, THREE] = ["1", "2", "3"].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000000`) as [
  string,
  string,
  string,
];

/** What every driver promises about where servers may run. */
export function placementContract(context: () => ContractContext): void {
  const group = (name: string, servers: readonly string[]): NewServerGroup => ({
    ...{ name, policy: "anti-affinity", maxServersPerHost: 1, servers },
  });
  const aggregate = (name: string, availabilityZone: string | null, ...hosts: string[]): NewAggregate => ({
    ...{ name, availabilityZone, metadata: {}, hosts },
  });

  describe("server groups", () => {
    it("have members, which are in one group at most", async () => {
      const { serverGroups } = context().store;
      const made = await serverGroups.create(group("web", [ONE, TWO]));
      expect(made).toMatchObject({ name: "web", policy: "anti-affinity", servers: [ONE, TWO] });
      expect(await serverGroups.ofServer(ONE)).toEqual(made);
      expect(await serverGroups.ofServer(THREE)).toBeUndefined();
      await expect(serverGroups.create(group("web", []))).rejects.toMatchObject({ code: "refused" });
      await expect(serverGroups.create(group("db", [THREE, TWO]))).rejects.toMatchObject({
        code: "refused",
        details: { serverUuid: TWO, group: "web" },
      });
      expect(await serverGroups.list()).toEqual([made]);
      const changed = await serverGroups.update("web", { addServers: [THREE, TWO], removeServers: [ONE] });
      expect(changed.servers).toEqual([TWO, THREE]);
      const unknown = serverGroups.update("db", { addServers: [], removeServers: [] });
      await expect(unknown).rejects.toMatchObject({ code: "not-found" });
      expect(await serverGroups.remove("web")).toBe(true);
      expect(await serverGroups.remove("web")).toBe(false);
      expect(await serverGroups.ofServer(TWO)).toBeUndefined();
      await serverGroups.create(group("db", [TWO]));
    });

    it("that are to be apart share no host, however many come at once", async () => {
      const { migrations, claims, guests } = context().store;
      const coming = await Promise.all(
        [ONE, TWO, THREE].map((serverUuid) => migrations.create(newMigration({ serverUuid }), log)),
      );
      const apart = { group: "web", servers: [ONE, TWO, THREE], maxPerHost: 1 };
      const limits = { memoryKiB: 1_000, maxIncoming: 10 };
      for (const { uuid, state, generation } of coming) {
        await migrations.update(uuid, { state, generation }, { state: "preparing" });
      }
      const claim = (index: number, host: string, others = apart) =>
        claims.claim(
          { migrationUuid: coming[index]?.uuid ?? "", host, memoryKiB: 1 },
          {
            ...limits,
            apart: { ...others, servers: others.servers.filter((uuid) => uuid !== coming[index]?.serverUuid) },
          },
        );
      const both = await Promise.allSettled([claim(0, "west"), claim(1, "west")]);
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      expect(both.find(({ status }) => status === "rejected")).toMatchObject({
        reason: { code: "refused", details: { limit: "group", servers: 1, maxPerHost: 1 } },
      });
      expect(await claims.list()).toMatchObject([{ host: "west", serverUuid: expect.any(String) }]);
      await guests.replaceSightings("north", [
        observedGuest({ uuid: ONE }),
        observedGuest({ uuid: TWO, powerState: "shutoff" }),
      ]);
      await expect(claim(2, "north")).rejects.toMatchObject({ details: { limit: "group" } });
      await claim(2, "north", { ...apart, maxPerHost: 2 });
    });
  });

  describe("aggregates", () => {
    it("have hosts, which are in one zone at most", async () => {
      const { aggregates } = context().store;
      const first = await aggregates.create(aggregate("rack-1", "az1", "east", "west"));
      expect(first).toMatchObject({ id: 1, name: "rack-1", availabilityZone: "az1", hosts: ["east", "west"] });
      await aggregates.create({ ...aggregate("fast", null, "west"), metadata: { ssd: "true" } });
      await expect(aggregates.create(aggregate("rack-1", null))).rejects.toMatchObject({ code: "refused" });
      await expect(aggregates.create(aggregate("rack-2", "az2", "west"))).rejects.toMatchObject({
        code: "refused",
        details: { host: "west", aggregate: "rack-2", otherAggregate: "rack-1" },
      });
      const change = { addHosts: [], removeHosts: [] };
      await expect(aggregates.update("fast", { ...change, availabilityZone: "az2" })).rejects.toThrow("west");
      expect((await aggregates.list()).map(({ name }) => name)).toEqual(["fast", "rack-1"]);
      await aggregates.update("rack-1", { ...change, removeHosts: ["west"] });
      const fast = await aggregates.update("fast", {
        ...{ availabilityZone: "az2", metadata: { nvme: "true" }, addHosts: ["north"], removeHosts: [] },
      });
      expect(fast).toMatchObject({ availabilityZone: "az2", metadata: { nvme: "true" }, hosts: ["north", "west"] });
      expect(await aggregates.remove("rack-1")).toBe(true);
      expect(await aggregates.list()).toEqual([fast]);
      await expect(aggregates.update("rack-1", change)).rejects.toMatchObject({ code: "not-found" });
    });
  });

  it("a server keeps the zone that it asked for", async () => {
    const { serverZones } = context().store;
    await serverZones.set(ONE, "az1");
    await serverZones.set(ONE, "az2");
    await serverZones.set(TWO, "az1");
    await serverZones.set(TWO, null);
    expect([await serverZones.of(ONE), await serverZones.of(TWO)]).toEqual(["az2", null]);
    expect(await serverZones.list()).toEqual(new Map([[ONE, "az2"]]));
  });

  it("a server is locked for a reason, by somebody, until it is not", async () => {
    const { clock, store } = context();
    const { serverLocks } = store;
    await serverLocks.set(ONE, { reason: null, lockedBy: "ann", byAdmin: false });
    await serverLocks.set(ONE, { reason: "audit", lockedBy: "bob", byAdmin: true });
    await serverLocks.set(TWO, { reason: null, lockedBy: "ann", byAdmin: false });
    await serverLocks.set(TWO, null);
    const lock = { reason: "audit", lockedBy: "bob", byAdmin: true, lockedAt: clock.now() };
    expect([await serverLocks.of(ONE), await serverLocks.of(TWO)]).toEqual([lock, null]);
    expect(await serverLocks.list()).toEqual(new Map([[ONE, lock]]));
  });

  it("what was asked of a server is kept with its end, the newest first, for a time", async () => {
    const { clock, store } = context();
    const { serverActions } = store;
    const asked = { serverUuid: ONE, requestId: "req-1", userId: "ann", projectId: "farm", host: "east" };
    const startedAt = clock.now();
    const first = await serverActions.begin({ ...asked, action: "pause" });
    clock.advance(1_000);
    await serverActions.finish(first, "libvirt said no");
    await serverActions.finish(first, null);
    const finishedAt = clock.now();
    const second = await serverActions.begin({ ...asked, action: "lock", host: null, projectId: null });
    await serverActions.begin({ ...asked, action: "lock", serverUuid: TWO });
    const [newest, oldest] = await serverActions.list(ONE, 10);
    expect(newest).toMatchObject({ id: second, action: "lock", host: null, finishedAt: null, error: null });
    expect(oldest).toEqual({ ...asked, id: first, action: "pause", startedAt, finishedAt, error: "libvirt said no" });
    expect(await serverActions.list(ONE, 1)).toEqual([newest]);
    expect([await serverActions.prune(finishedAt, 2), await serverActions.prune(finishedAt, 2)]).toEqual([1, 0]);
    expect(await serverActions.list(ONE, 10)).toEqual([newest]);
  });

  it("a host is forced down until that is taken back, whatever it reports", async () => {
    const { hosts } = context().store;
    expect(await hosts.report(hostFacts("east"), "0.1.0")).toMatchObject({ forcedDown: false });
    await hosts.set("east", { forcedDown: true });
    expect(await hosts.report(hostFacts("east"), "0.1.0")).toMatchObject({ forcedDown: true });
    expect(await hosts.set("east", { forcedDown: false })).toMatchObject({ forcedDown: false });
  });

  it("a host is forgotten once nothing hangs on it, and is a new one when it is heard of again", async () => {
    const { aggregates, guests, hosts, migrations } = context().store;
    const first = await hosts.report(hostFacts("east"), "0.1.0");
    await aggregates.create(aggregate("rack-1", "az1", "east"));
    await guests.replaceSightings("east", [observedGuest({ name: "web" })]);
    await expect(hosts.remove("east")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("web"),
    });
    await guests.replaceSightings("east", []);
    const moving = await migrations.create(newMigration(), log);
    await expect(hosts.remove("east")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining(`migration ${moving.id}`),
    });
    await migrations.update(moving.uuid, moving, { state: "failed" });
    expect(await hosts.remove("east")).toBe(true);
    expect(await hosts.remove("east")).toBe(false);
    expect((await aggregates.list())[0]?.hosts).toEqual([]);
    expect((await hosts.report(hostFacts("east"), "0.1.0")).uuid).not.toBe(first.uuid);
  });

  it("maintenance has a reason and a beginning, and leaves the rest of a host alone", async () => {
    const { clock, store } = context();
    await store.hosts.report(hostFacts("east"), "0.1.0");
    await store.hosts.set("east", { enabled: false });
    const since = clock.now();
    const begun = await store.hosts.set("east", { maintenanceReason: "new fan" });
    expect(begun).toMatchObject({ enabled: false, maintenance: { reason: "new fan", since } });
    clock.advance(1_000);
    expect(await store.hosts.set("east", { maintenanceReason: "new fan" })).toMatchObject({ maintenance: { since } });
    const other = await store.hosts.set("east", { maintenanceReason: "new board" });
    expect(other?.maintenance).toEqual({ reason: "new board", since: clock.now() });
    const ended = await store.hosts.set("east", { maintenanceReason: null });
    expect(ended).toMatchObject({ enabled: false, maintenance: null });
  });

  it("several servers are looked for at once", async () => {
    const { guests } = context().store;
    const on = observedGuest();
    for (const host of ["east", "west"]) await guests.replaceSightings(host, [on, observedGuest()]);
    expect((await guests.byServers([on.uuid])).map(({ host }) => host)).toEqual(["east", "west"]);
    expect(await guests.byServers([])).toEqual([]);
  });
}
