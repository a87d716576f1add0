import { listHosts, migrationPreflight, updateHost } from "@drover/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Plane, startPlane } from "../suite/scripted-plane.ts";

let plane: Plane;
beforeEach(async () => {
  plane = await startPlane();
});
afterEach(() => plane.close());

const set = (settings: object, host = "beta") =>
  plane.bus.call(updateHost, updateHost.request.parse({ host, settings, requestedBy: "olga" }));

it("a host is disabled with a reason, which goes when it is enabled again", async () => {
  expect(await set({ enabled: false, disabledReason: "new fan" })).toMatchObject({
    enabled: false,
    disabledReason: "new fan",
  });
  expect(await set({ disabledReason: "new board" })).toMatchObject({ enabled: false, disabledReason: "new board" });
  expect(await set({ enabled: false })).toMatchObject({ enabled: false, disabledReason: "new board" });
  expect(await set({ enabled: true })).toMatchObject({ enabled: true, disabledReason: null });
  expect((await plane.store.hosts.get("beta"))?.enabled).toBe(true);
});

it("its maintenance has a reason, and its end leaves the host as it was before", async () => {
  await set({ enabled: false });
  expect(await set({ maintenanceReason: "new fan" })).toMatchObject({ enabled: false, maintenanceReason: "new fan" });
  expect((await plane.bus.call(listHosts, {})).hosts[1]).toMatchObject({
    ...{ name: "beta", enabled: false, maintenance: { reason: "new fan", since: expect.any(String) } },
  });
  expect(await set({ maintenanceReason: null })).toMatchObject({ enabled: false, maintenanceReason: null });
  expect(() => updateHost.request.parse({ host: "beta", settings: { maintenanceReason: "" } })).toThrow("maintenance");
});

it("its own limits count at once, also in a preflight", async () => {
  await set({ maxIncomingMigrations: 0 });
  const report = await plane.bus.call(migrationPreflight, { server: "web", host: null });
  expect(report.hosts[0]).toMatchObject({ host: "beta", verdict: "busy" });
  expect(await set({ maxIncomingMigrations: null })).toMatchObject({ maxIncomingMigrations: null });
});

it("what makes no sense is refused by name", async () => {
  await expect(set({ disabledReason: "why" })).rejects.toMatchObject({
    code: "bad-request",
    details: { field: "disabledReason" },
  });
  await expect(set({ enabled: false }, "delta")).rejects.toMatchObject({ code: "not-found" });
  const unknown = { host: "beta", settings: { maxOutgoing: 1 }, requestedBy: "olga" };
  expect(() => updateHost.request.parse(unknown)).toThrow("maxOutgoing");
});
