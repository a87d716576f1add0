import { LibvirtConnection } from "@drover/libvirt";
import { waitFor } from "@drover/testkit";
import { expect, test } from "vitest";
import { startAgentBed } from "../agent-bed.test.support.ts";
import { METADATA_URI, metadataFrom } from "./server-metadata.ts";

test.each([
  ["pairs", '<server><meta key="tier">db</meta><meta key="site">a</meta></server>', { tier: "db", site: "a" }],
  ["with a prefix too", '<d:server xmlns:d="x"><d:meta key="tier">db</d:meta></d:server>', { tier: "db" }],
  ["what is no pair is left out", '<server><other key="a">b</other><meta>c</meta></server>', {}],
  ["what is too long as well", `<server><meta key="a">${"x".repeat(256)}</meta></server>`, {}],
  ["what is no XML says nothing", "<server", {}],
])("%s", (_, xml, metadata) => {
  expect(metadataFrom(xml)).toEqual(metadata);
});

test("a guest is reported with what its definition says of it", async () => {
  const bed = await startAgentBed();
  try {
    const uuid = await bed.addGuest({ name: "told" });
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    const domain = await connection.domain.lookupByUUID(uuid);
    const element = { key: "drover", uri: METADATA_URI };
    await connection.domain.setMetadata(domain, element, '<server><meta key="tier">db</meta></server>');
    // Nothing tells of metadata that change: they are read with the guest's next event.
    await connection.domain.suspend(domain);
    await waitFor("the metadata", () => bed.conductor.guests("h1").find((seen) => seen.metadata?.tier === "db"));
  } finally {
    await bed.close();
  }
});
