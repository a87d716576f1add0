import {
  getMigration,
  getServer,
  listHosts,
  listMigrations,
  listServers,
  liveMigrateInstance,
} from "@drover/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { guest, otherGuest, type Plane, startPlane } from "../suite/scripted-plane.ts";

let plane: Plane;
beforeEach(async () => {
  plane = await startPlane({
    alpha: { start: ({ migrationUuid }, agent) => agent.report(migrationUuid, "started") },
  });
});
afterEach(() => plane.close());

const migrate = (serverUuid: string) =>
  plane.bus.call(liveMigrateInstance, {
    serverUuid,
    host: null,
    blockMigration: null,
    requestedBy: "olga",
    projectId: "admin",
  });

it("lists servers by name, narrowed and in pages", async () => {
  const names = async (request: Parameters<typeof listServers.request.parse>[0]) =>
    (await plane.bus.call(listServers, listServers.request.parse(request))).servers.map(({ name }) => name);
  expect(await names({})).toEqual(["db", "web"]);
  expect(await names({ host: "alpha", name: "web" })).toEqual(["web"]);
  expect(await names({ name: "we" })).toEqual([]);
  expect(await names({ host: "beta" })).toEqual([]);
  expect(await names({ limit: 1 })).toEqual(["db"]);
  expect(await names({ limit: 1, marker: otherGuest.uuid })).toEqual(["web"]);
  expect(await names({ marker: guest.uuid })).toEqual([]);
  await expect(names({ host: "alpha", marker: "gone" })).rejects.toMatchObject({
    code: "bad-request",
    details: { field: "marker" },
  });
});

it("lists hosts with their facts, in pages", async () => {
  const { hosts } = await plane.bus.call(listHosts, {});
  expect(hosts).toMatchObject([
    { name: "alpha", state: "up", servers: 2, facts: { inboundAddress: "alpha" } },
    { name: "beta", state: "up", servers: 0 },
  ]);
  const [first] = (await plane.bus.call(listHosts, { limit: 1 })).hosts;
  expect(first?.name).toBe("alpha");
  expect((await plane.bus.call(listHosts, { limit: 1, marker: "alpha" })).hosts).toMatchObject([{ name: "beta" }]);
});

it("shows a migration while it runs and when it is over, by number and by uuid", async () => {
  const { migrationUuid, migrationId } = await migrate(guest.uuid);
  await plane.until(migrationUuid, "running");
  expect(await plane.bus.call(getServer, { server: "web" })).toMatchObject({
    server: { uuid: guest.uuid, host: "alpha", migration: { id: migrationId, status: "running" } },
  });
  expect(await plane.bus.call(listMigrations, { server: "web", active: true })).toMatchObject({
    migrations: [{ uuid: migrationUuid, state: "running", sourceHost: "alpha", destinationHost: "beta" }],
  });
  await plane.alpha.outcome(migrationUuid, { outcome: "arrived", cause: null });
  await plane.until(migrationUuid, "completed");
  for (const migration of [migrationId, String(migrationId), migrationUuid]) {
    const detail = await plane.bus.call(getMigration, { migration });
    expect(detail).toMatchObject({ migration: { state: "completed", requestedBy: "olga" } });
    expect(detail.log.map(({ event }) => event)).toContain("outcome: arrived");
  }
  expect((await plane.bus.call(listMigrations, { active: true })).migrations).toEqual([]);
});

it("says what it does not know, and which field does not fit", async () => {
  await expect(plane.bus.call(getServer, { server: "nope" })).rejects.toMatchObject({ code: "not-found" });
  await expect(plane.bus.call(getMigration, { migration: 99 })).rejects.toMatchObject({ code: "not-found" });
  await expect(plane.bus.call(listServers, { limit: 1001 })).rejects.toMatchObject({
    code: "bad-request",
    details: { field: "limit" },
  });
});
