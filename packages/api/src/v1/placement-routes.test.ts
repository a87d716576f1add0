import { S1 } from "@drover/fleet/testing";
import { DroverError } from "@drover/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ApiFixture, openApiFixture } from "../api-fixture.test.support.ts";

let api: ApiFixture;
beforeEach(async () => {
  api = await openApiFixture();
});
afterEach(() => api.close());

it("server groups are made, listed with their servers, and deleted", async () => {
  const group = { name: "pair", policy: "anti-affinity", servers: [S1] };
  expect(await api.v1("POST", "/server-groups", group)).toMatchObject({
    status: 201,
    body: { group: { name: "pair" } },
  });
  expect(api.calls).toMatchObject([{ request: { group: { ...group, maxServersPerHost: 1 }, requestedBy: "admin" } }]);
  expect(await api.v1("GET", "/server-groups")).toMatchObject({
    body: { groups: [{ name: "pair", servers: [{ uuid: S1, name: "vm1", host: "hosta" }] }] },
  });
  expect(await api.v1("GET", "/servers/vm1")).toMatchObject({ body: { server: { group: "pair" } } });
  const { uuid } = (await api.store.serverGroups.list())[0] ?? { uuid: "" };
  expect(await api.nova("GET", `/servers/${S1}`, 71)).toMatchObject({ body: { server: { server_groups: [uuid] } } });
  expect(await api.v1("DELETE", "/server-groups/pair")).toMatchObject({ status: 200, body: { deleted: "pair" } });
  expect((await api.v1("POST", "/server-groups", { ...group, policy: "near" })).status).toBe(400);
  api.refuseNext(new DroverError("not-found", "there is no server group pair"));
  expect((await api.v1("DELETE", "/server-groups/pair")).status).toBe(404);
});

it("aggregates are changed and listed, and their zone is that of their hosts", async () => {
  const change = { availabilityZone: "az1", addHosts: ["hostb"] };
  expect(await api.v1("PATCH", "/aggregates/rack-1", change)).toMatchObject({ status: 200 });
  expect(api.calls).toMatchObject([{ request: { aggregate: "rack-1", change: { ...change, removeHosts: [] } } }]);
  expect(await api.v1("GET", "/aggregates")).toMatchObject({
    body: { aggregates: [{ name: "rack-1", availabilityZone: "az1", hosts: ["hostb"] }] },
  });
  expect(await api.v1("GET", "/hosts")).toMatchObject({
    body: { hosts: [{ availabilityZone: "nova" }, { availabilityZone: "az1", aggregates: ["rack-1"] }] },
  });
  expect(await api.nova("GET", "/os-services", 53)).toMatchObject({
    body: { services: [{ zone: "nova" }, { zone: "az1" }] },
  });
  expect((await api.v1("PATCH", "/aggregates/rack-1", { hosts: ["hostb"] })).status).toBe(400);
});

it("a server is held to a zone", async () => {
  const set = await api.v1("PATCH", "/servers/vm1", { availabilityZone: "az1" });
  expect(set).toMatchObject({ status: 200, body: { server: { name: "vm1", availabilityZone: "az1" } } });
  expect((await api.v1("PATCH", "/servers/vm1", {})).status).toBe(400);
});

it("a host in maintenance is disabled to stock clients, with the reason", async () => {
  await api.store.hosts.set("hostb", { maintenanceReason: "new fan" });
  expect(await api.v1("GET", "/hosts")).toMatchObject({
    body: { hosts: [{ maintenance: null }, { enabled: true, maintenance: { reason: "new fan" } }] },
  });
  expect(await api.nova("GET", "/os-services", 53)).toMatchObject({
    body: { services: [{ status: "enabled" }, { status: "disabled", disabled_reason: "maintenance: new fan" }] },
  });
});
