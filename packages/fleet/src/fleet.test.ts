import { systemClock } from "@drover/model";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createFleet } from "./fleet.ts";
import { openSampleFleet, S1, S2, type SampleFleet, sampleGuest } from "./testing/sample-fleet.ts";
import { viewHost, viewServer } from "./views.ts";

let sample: SampleFleet;
beforeEach(async () => {
  sample = await openSampleFleet();
});
afterEach(() => sample[Symbol.asyncDispose]());

const fleet = () => createFleet(sample.store, systemClock);

it("lists servers by name, each with the migration that it is in", async () => {
  const { id, uuid } = await sample.queued(S2);
  expect((await fleet().servers()).map(viewServer)).toMatchObject([
    { name: "vm1", uuid: S1, host: "hosta", migration: null },
    { name: "vm2", uuid: S2, migration: { id, uuid, status: "queued" } },
    { name: "vm3", powerState: "shutoff" },
  ]);
});

it("lists hosts by name, and how many servers are on each", async () => {
  expect((await fleet().hosts()).map(viewHost)).toMatchObject([
    { name: "hosta", state: "up", servers: 3 },
    { name: "hostb", state: "up", servers: 0 },
  ]);
});

it("shows a server between two reports where its migration says that it is", async () => {
  const running = await sample.running(S1);
  await sample.move(running, { state: "post-migrating", outcome: "arrived" });
  await sample.store.guests.replaceSightings("hosta", []);
  expect(await fleet().findServer(S1)).toMatchObject({ name: "vm1", host: "hostb" });
});

it("finds a server by the name that it has where it is, not by that of a leftover", async () => {
  await sample.store.guests.replaceSightings("hostb", [{ ...sampleGuest(S1, "former"), powerState: "shutoff" }]);
  expect(await fleet().findServer("vm1")).toMatchObject({ uuid: S1, host: "hosta", leftovers: ["hostb"] });
  await expect(fleet().findServer("former")).rejects.toMatchObject({ code: "not-found" });
});

it("lists servers page by page in the same order, each once, by the name that it has where it is", async () => {
  await sample.queued(S2);
  await sample.store.guests.replaceSightings("hostb", [{ ...sampleGuest(S1, "vm2a"), powerState: "shutoff" }]);
  const all = await fleet().servers();
  const first = await fleet().serversAfter(undefined, 2);
  expect(first).toEqual(all.slice(0, 2));
  expect(await fleet().serversAfter(first[1], 2)).toEqual(all.slice(2));
  expect(await fleet().serversAfter(all.at(-1), 2)).toEqual([]);
});

it("lists the servers of one host or one name as they are among all, those on their way to or from it too", async () => {
  const running = await sample.running(S1);
  const { guests } = sample.store;
  await guests.replaceSightings("hostb", [
    { ...sampleGuest(S2, "vm2"), powerState: "shutoff" },
    sampleGuest("55555555-5555-4555-8555-555555555555", "vm9"),
  ]);
  const sees = async () => {
    const all = await fleet().servers();
    for (const host of ["hosta", "hostb", "hostx"]) {
      expect(await fleet().servers({ host })).toEqual(all.filter((server) => server.host === host));
    }
    for (const name of ["vm1", "vm2", "vm"]) {
      expect(await fleet().servers({ name })).toEqual(all.filter((server) => server.name === name));
      expect(await fleet().servers({ name, host: "hostb" })).toEqual(
        all.filter((server) => server.name === name && server.host === "hostb"),
      );
    }
    return all.map(({ name, host }) => `${name} on ${host}`);
  };
  expect(await sees()).toContain("vm1 on hosta");
  // Nobody reports it just now.
  await sample.move(running, { state: "post-migrating", outcome: "arrived" });
  await guests.replaceSightings("hosta", []);
  expect(await sees()).toContain("vm1 on hostb");
});

it("shows several hosts, those that it knows", async () => {
  const hosts = await fleet().hostsNamed(["hostb", "hostx"]);
  expect(hosts.map(({ facts, up }) => ({ host: facts.host, up }))).toEqual([{ host: "hostb", up: true }]);
});

it("refuses an ambiguous name with the uuids", async () => {
  const twin = "44444444-4444-4444-8444-444444444444";
  await sample.store.guests.replaceSightings("hostb", [sampleGuest(twin, "vm1")]);
  await expect(fleet().findServer("vm1")).rejects.toMatchObject({
    code: "bad-request",
    details: { uuids: [S1, twin] },
  });
  await expect(fleet().findServer("nope")).rejects.toMatchObject({ code: "not-found" });
});
