/** What operators ask of servers and hosts beside moving them, through conductor and agents. */
import {
  abortMigration,
  deleteHost,
  liveMigrateInstance,
  pauseServer,
  resetServerState,
  unpauseServer,
  updateHost,
  updateServer,
} from "@drover/contracts";
import { defaultPolicy } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";

const requestedBy = "olga";
const slow = { memoryMiB: 4096, touchedMiB: 4000, workingSetMiB: 3000, dirtyMiBps: 900 };

let plane: SimulatedPlane;
beforeAll(async () => {
  plane = await startSimulatedPlane();
});
afterAll(async () => {
  await plane?.[Symbol.asyncDispose]();
});

const power = (serverUuid: string) => ({
  pause: (asAdmin = false) => plane.bus.call(pauseServer, { serverUuid, asAdmin, requestedBy }),
  unpause: () => plane.bus.call(unpauseServer, { serverUuid, requestedBy }),
});
const migrate = (serverUuid: string, asAdmin = false) =>
  plane.bus.call(
    liveMigrateInstance,
    liveMigrateInstance.request.parse({ serverUuid, host: "beta", asAdmin, requestedBy, projectId: "admin" }),
  );
const lock = (server: string, settings: { locked: boolean; lockedReason?: string }, asAdmin = false) =>
  plane.bus.call(updateServer, { server, settings, asAdmin, requestedBy });

describe("a paused server", () => {
  it("stands still when the answer comes, can be moved so, and runs again", async () => {
    const uuid = await plane.addGuest({ name: "sleeper" });
    const { pause, unpause } = power(uuid);
    expect((await pause()).server).toMatchObject({ host: "alpha", powerState: "paused" });
    const { migrationId } = await migrate(uuid);
    const ended = await untilMigration(plane.client, migrationId, "over", isOver);
    expect(ended).toMatchObject({ state: "completed" });
    await waitFor("it to be on beta", async () => (await plane.client.server(uuid)).server.host === "beta");
    expect((await unpause()).server).toMatchObject({ host: "beta", powerState: "running" });
  });

  it("is none while a migration of it is in progress", async () => {
    const uuid = await plane.addGuest({ name: "mover", ...slow });
    const { migrationUuid, migrationId } = await migrate(uuid);
    await untilMigration(plane.client, migrationId, "watched", isWatched);
    const refusal = { code: "refused", details: { migrationUuid } };
    await expect(power(uuid).pause()).rejects.toMatchObject(refusal);
    await expect(power(uuid).unpause()).rejects.toMatchObject(refusal);
    await plane.bus.call(abortMigration, { migrationUuid, requestedBy });
    await untilMigration(plane.client, migrationId, "over", isOver);
  });
});

describe("a locked server", () => {
  it("is left alone by all but administrators", async () => {
    const uuid = await plane.addGuest({ name: "vault", ...slow });
    const { server } = await lock("vault", { locked: true, lockedReason: "audit" });
    expect(server.lock).toMatchObject({ reason: "audit", lockedBy: "olga" });
    const locked = { code: "refused", message: expect.stringContaining("vault is locked by olga (audit)") };
    await expect(migrate(uuid)).rejects.toMatchObject(locked);
    await expect(power(uuid).pause()).rejects.toMatchObject(locked);
    expect((await power(uuid).pause(true)).server.powerState).toBe("paused");
    const { migrationUuid, migrationId } = await migrate(uuid, true);
    await expect(plane.bus.call(abortMigration, { migrationUuid, requestedBy })).rejects.toMatchObject(locked);
    await plane.bus.call(abortMigration, { migrationUuid, asAdmin: true, requestedBy });
    await untilMigration(plane.client, migrationId, "over", isOver);
    expect((await lock("vault", { locked: false })).server.lock).toBeNull();
    // What was refused is none of its actions.
    const done = { userId: "olga", finishedAt: expect.any(Date), error: null };
    expect(await plane.store.serverActions.list(uuid, 10)).toMatchObject([
      { ...done, action: "unlock", host: null },
      { ...done, action: "pause", host: "alpha" },
      { ...done, action: "lock", host: null },
    ]);
  });

  it("that an administrator has locked is unlocked by one", async () => {
    await plane.addGuest({ name: "safe" });
    await lock("safe", { locked: true }, true);
    await expect(lock("safe", { locked: false })).rejects.toMatchObject({ code: "forbidden" });
    expect((await lock("safe", { locked: false }, true)).server.lock).toBeNull();
    await expect(lock("safe", { locked: false, lockedReason: "why" })).rejects.toMatchObject({ code: "bad-request" });
  });
});

describe("resetting the state of a server", () => {
  const reset = (serverUuid: string, state: "active" | "error") =>
    plane.bus.call(resetServerState, { serverUuid, state, requestedBy });

  /** A record that says `error`, whatever the hosts run. */
  async function leftInError(serverUuid: string, serverName: string): Promise<string> {
    const { migrations } = plane.store;
    const { uuid, state, generation } = await migrations.create(
      {
        ...{ serverUuid, serverName, sourceHost: "alpha", requestedHost: "beta", memoryKiB: 524_288 },
        ...{ policy: defaultPolicy, step: "move-guest", requestedBy, projectId: "admin", requestId: "req-1" },
      },
      { event: "queued", message: "asked for by olga" },
    );
    const change = { state: "error", destinationHost: "beta", reason: "both hosts ran it" } as const;
    await migrations.update(uuid, { state, generation }, change, {
      event: "foundOnBoth",
      message: "both hosts ran it",
    });
    return uuid;
  }

  it("asks both hosts at once, and settles what a person has mended", async () => {
    const uuid = await plane.addGuest({ name: "mended" });
    const migration = await leftInError(uuid, "mended");
    expect((await reset(uuid, "active")).server).toMatchObject({ powerState: "running", migration: null });
    expect(await plane.store.migrations.get(migration)).toMatchObject({ state: "failed", outcome: "stayed" });
  });

  it("is refused with what is where as long as it is not so", async () => {
    const uuid = await plane.addGuest({ name: "twice" });
    plane.fleet.addGuest({ host: "gamma", name: "twice", uuid, memoryMiB: 512 });
    await waitFor("the alarm", async () => (await plane.client.server(uuid)).server.runsTwice.length > 0);
    await expect(reset(uuid, "active")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("it runs on alpha and gamma; end the copy that is wrong"),
    });
    expect((await reset(uuid, "error")).server.runsTwice).toEqual(["alpha", "gamma"]);
  });

  it("makes nothing so that libvirt does not say", async () => {
    const uuid = await plane.addGuest({ name: "well" });
    expect((await reset(uuid, "active")).server.powerState).toBe("running");
    await expect(reset(uuid, "error")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("libvirt has it running on alpha"),
    });
    const off = await plane.addGuest({ name: "lying-off", running: false });
    await expect(reset(off, "active")).rejects.toMatchObject({ message: expect.stringContaining("start it there") });
  });
});

describe("a host", () => {
  const set = (host: string, settings: { forcedDown: boolean }) =>
    plane.bus.call(updateHost, { host, settings, requestedBy });

  it("that is forced down counts as down: nothing goes there, and nothing leaves it", async () => {
    const uuid = await plane.addGuest({ name: "stranded" });
    await set("beta", { forcedDown: true });
    await expect(migrate(uuid)).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("beta, which is down (it was forced down)"),
    });
    const report = await plane.client.preflight(uuid);
    expect(report.hosts.find(({ host }) => host === "beta")?.checks).toContainEqual(
      expect.objectContaining({ check: "compute", passed: false, message: expect.stringContaining("forced down") }),
    );
    await set("beta", { forcedDown: false });
    await set("alpha", { forcedDown: true });
    await expect(migrate(uuid)).rejects.toMatchObject({ code: "refused", message: expect.stringContaining("alpha") });
    await set("alpha", { forcedDown: false });
  });

  it("that has been taken away is forgotten, once nothing is on it", async () => {
    const remove = (host: string) => plane.bus.call(deleteHost, { host, requestedBy });
    await expect(remove("alpha")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("it has guests"),
    });
    await expect(remove("delta")).rejects.toMatchObject({ code: "not-found" });
    await plane.store.hosts.report({ ...(await anyFacts()), host: "old" }, "0.1.0");
    await remove("old");
    expect(await plane.store.hosts.get("old")).toBeUndefined();
  });

  async function anyFacts() {
    const [host] = await plane.store.hosts.list();
    if (host === undefined) throw new Error("the plane has no hosts");
    return host.facts;
  }
});
