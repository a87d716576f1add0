import { describe, expect, it } from "vitest";
import { type GuestSighting, serverFromSightings } from "./guest.ts";

const sighting = (host: string, change: Partial<GuestSighting> = {}): GuestSighting => ({
  uuid: "6f6e0c5c-0000-4000-8000-000000000001",
  name: "web",
  powerState: "running",
  persistent: true,
  vcpus: 1,
  memoryKiB: 1024,
  migrating: false,
  host,
  seenAt: new Date(1000),
  ...change,
});

describe("a server, decided from what hosts report", () => {
  it("is nowhere when nobody reports it", () => {
    expect(serverFromSightings([])).toBeUndefined();
  });

  it("is where it runs; stale shut-off definitions elsewhere are leftovers, even newer ones", () => {
    const server = serverFromSightings([
      sighting("b", { powerState: "shutoff", seenAt: new Date(9000) }),
      sighting("a"),
      sighting("c", { powerState: "shutoff" }),
    ]);
    expect(server).toMatchObject({ host: "a", leftovers: ["b", "c"], runsTwice: [] });
  });

  it("raises the alarm when two hosts run it", () => {
    expect(serverFromSightings([sighting("a"), sighting("b")])).toMatchObject({ runsTwice: ["a", "b"] });
  });

  it("does not take the waiting half of a migration for a second run", () => {
    const server = serverFromSightings([
      sighting("a", { migrating: true }),
      sighting("b", { powerState: "paused", migrating: true, seenAt: new Date(2000) }),
    ]);
    expect(server).toMatchObject({ host: "a", runsTwice: [] });
  });

  it("counts a paused guest as running where it stands", () => {
    expect(serverFromSightings([sighting("a", { powerState: "paused" })])).toMatchObject({
      host: "a",
      powerState: "paused",
    });
  });

  it("is on the host of its newest definition when it is shut off everywhere", () => {
    const server = serverFromSightings([
      sighting("a", { powerState: "shutoff" }),
      sighting("b", { powerState: "shutoff", seenAt: new Date(2000) }),
    ]);
    expect(server).toMatchObject({ host: "b", leftovers: ["a"] });
  });
});
