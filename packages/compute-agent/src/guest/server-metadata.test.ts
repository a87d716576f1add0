import { LibvirtConnection } from "@drover/libvirt";
import { waitFor } from "@drover/testkit";
import { expect, test } from "vitest";
import { startAgentBed } from "../agent-bed.test.support.ts";
import { METADATA_URI, metadataFrom, novaMetadataFrom } from "./server-metadata.ts";

test.each([
  ["pairs", '<server><meta key="tier">db</meta><meta key="site">a</meta></server>', { tier: "db", site: "a" }],
  ["with a prefix too", '<d:server xmlns:d="x"><d:meta key="tier">db</d:meta></d:server>', { tier: "db" }],
  ["a value on a line of its own", '<server><meta key="tier">\n  db\n</meta></server>', { tier: "db" }],
  ["what is no pair is left out", '<server><other key="a">b</other><meta>c</meta></server>', {}],
  ["what is too long as well", `<server><meta key="a">${"x".repeat(256)}</meta></server>`, {}],
  ["what is no XML says nothing", "<server", {}],
])("%s", (_, xml, metadata) => {
  expect(metadataFrom(xml)).toEqual(metadata);
});

const nova = `<instance><package version="29.2.0"/><name>web</name><creationTime>2026-01-01 10:00:00</creationTime>
  <flavor name="m1.small"><memory>2048</memory></flavor>
  <owner><user uuid="u">olga</user><project uuid="p">shop</project></owner></instance>`;

test.each([
  ["Nova's words", nova, { "nova.name": "web", "nova.flavor": "m1.small", "nova.project": "shop" }],
  ["with a prefix too", nova.replaceAll(/<(\/?)(?=\w)/g, "<$1nova:"), novaMetadataFrom(nova)],
  ["what it leaves out is left out", "<instance><name>web</name></instance>", { "nova.name": "web" }],
  ["what is no XML says nothing", "<instance", {}],
])("%s", (_, xml, metadata) => {
  expect(novaMetadataFrom(xml)).toEqual(metadata);
});

test("a guest is reported with what its definition says of it", async () => {
  const bed = await startAgentBed();
  try {
    const uuid = await bed.addGuest({ name: "told" });
    await using connection = await LibvirtConnection.open(bed.fleet.host("h1").uri);
    const domain = await connection.domain.lookupByUUID(uuid);
    const element = { key: "drover", uri: METADATA_URI };
    await connection.domain.setMetadata(domain, element, '<server><meta key="tier">db</meta></server>');
    const novas = { key: "nova", uri: "http://openstack.org/xmlns/libvirt/nova/1.1" };
    await connection.domain.setMetadata(domain, novas, '<instance><flavor name="m1.small"/></instance>');
    // Nothing tells of metadata that change: they are read with the guest's next event.
    await connection.domain.suspend(domain);
    const { metadata } = await waitFor("the metadata", () =>
      bed.conductor.guests("h1").find((seen) => seen.metadata?.tier === "db"),
    );
    expect(metadata).toEqual({ tier: "db", "nova.flavor": "m1.small" });
  } finally {
    await bed.close();
  }
});
