import {
  createAggregate,
  createServerGroup,
  deleteAggregate,
  deleteServerGroup,
  getServer,
  listAggregates,
  listHosts,
  listServerGroups,
  liveMigrateInstance,
  updateAggregate,
  updateServer,
  updateServerGroup,
} from "@drover/contracts";
import { afterEach, beforeEach, expect, it } from "vitest";
import { guest, otherGuest, type Plane, startPlane } from "../suite/scripted-plane.ts";

let plane: Plane;
beforeEach(async () => {
  plane = await startPlane();
});
afterEach(() => plane.close());

const requestedBy = "olga";

function makeGroup(group: object) {
  return plane.bus.call(createServerGroup, createServerGroup.request.parse({ group, requestedBy }));
}

function changeAggregate(change: object) {
  const request = updateAggregate.request.parse({ aggregate: "rack-1", change, requestedBy });
  return plane.bus.call(updateAggregate, request);
}

it("a group is made of servers by name, changed and deleted", async () => {
  const { group } = await makeGroup({ name: "pair", policy: "anti-affinity", servers: ["web", guest.uuid] });
  expect(group).toMatchObject({ policy: "anti-affinity", maxServersPerHost: 1 });
  expect(group.servers).toEqual([{ uuid: guest.uuid, name: "web", host: "alpha" }]);
  const change = { addServers: ["db"], removeServers: [guest.uuid] };
  const after = await plane.bus.call(updateServerGroup, { group: "pair", change, requestedBy });
  expect(after.group.servers).toEqual([{ uuid: otherGuest.uuid, name: "db", host: "alpha" }]);
  expect((await plane.bus.call(getServer, { server: "db" })).server.group).toBe("pair");
  expect((await plane.bus.call(listServerGroups, {})).groups).toEqual([after.group]);
  await expect(makeGroup({ name: "other", policy: "affinity", servers: ["db"] })).rejects.toMatchObject({
    code: "refused",
    details: { group: "pair" },
  });
  await expect(makeGroup({ name: "other", policy: "affinity", servers: ["nope"] })).rejects.toMatchObject({
    code: "not-found",
  });
  await plane.bus.call(deleteServerGroup, { group: "pair", requestedBy });
  await expect(plane.bus.call(deleteServerGroup, { group: "pair", requestedBy })).rejects.toMatchObject({
    code: "not-found",
  });
  expect(() => createServerGroup.request.parse({ group: { name: "a b", policy: "near" }, requestedBy })).toThrow(
    "policy",
  );
});

it("aggregates make up zones, which servers can be held to", async () => {
  const aggregate = { name: "rack-1", availabilityZone: "az1", hosts: ["alpha"], metadata: { ssd: "true" } };
  await plane.bus.call(createAggregate, { aggregate, requestedBy });
  await changeAggregate({ addHosts: ["beta"], removeHosts: ["alpha"] });
  const { hosts } = await plane.bus.call(listHosts, {});
  expect(hosts.map(({ name, availabilityZone, aggregates }) => [name, availabilityZone, aggregates])).toEqual([
    ["alpha", "nova", []],
    ["beta", "az1", ["rack-1"]],
  ]);
  expect((await plane.bus.call(listAggregates, {})).aggregates).toMatchObject([{ ...aggregate, hosts: ["beta"] }]);
  await expect(changeAggregate({ addHosts: ["delta"] })).rejects.toMatchObject({ code: "not-found" });
  const hold = (availabilityZone: string | null) =>
    plane.bus.call(updateServer, { server: "web", settings: { availabilityZone }, requestedBy });
  await expect(hold("az9")).rejects.toMatchObject({ code: "bad-request", details: { field: "availabilityZone" } });
  expect((await hold("az1")).server.availabilityZone).toBe("az1");
  expect((await hold(null)).server.availabilityZone).toBeNull();
  await plane.bus.call(deleteAggregate, { aggregate: "rack-1", requestedBy });
  expect((await plane.bus.call(listAggregates, {})).aggregates).toEqual([]);
});

it("of two servers that are to be apart and were told the same host, the claim lets one in", async () => {
  await makeGroup({ name: "pair", policy: "anti-affinity", servers: ["web", "db"] });
  const move = (serverUuid: string) =>
    plane.bus.call(
      liveMigrateInstance,
      liveMigrateInstance.request.parse({ serverUuid, requestedBy, projectId: "admin" }),
    );
  const moves = await Promise.all([move(guest.uuid), move(otherGuest.uuid)]);
  await expect.poll(async () => (await plane.store.migrations.list({ states: ["failed"] })).length).toBe(1);
  const [failed] = await plane.store.migrations.list({ states: ["failed"] });
  expect(failed?.reason).toContain("beta has or takes in 1 of the group pair, which may have 1 on one host");
  expect(await plane.store.claims.list()).toHaveLength(1);
  expect(moves).toHaveLength(2);
});
