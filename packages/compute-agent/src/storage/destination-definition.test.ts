import type { PreparedDisk } from "@drover/model";
import { expect, test } from "vitest";
import { destinationDefinition } from "./destination-definition.ts";

const backing = '<backingStore type="file"><format type="raw"></format><source file="/base"></source></backingStore>';
const ended = "<backingStore></backingStore>";

function disk(target: string, chain: string): string {
  return `<disk type="file"><source file="/${target}"></source>${chain}<target dev="${target}"></target></disk>`;
}

function domain(...disks: readonly string[]): string {
  return `<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><name>R&amp;D</name><devices>${disks.join("")}</devices></domain>`;
}

function prepared(target: string, action: PreparedDisk["action"]): PreparedDisk {
  return { target, action, path: `/${target}`, capacityBytes: 1, reason: "a test says so" };
}

test.each<[string, string, readonly PreparedDisk[], string | null]>([
  ["a guest without copied disks", domain(disk("vda", backing)), [prepared("vda", "stays")], null],
  ["a copied disk without a base image", domain(disk("vda", ended)), [prepared("vda", "copy")], null],
  ["one whose chain libvirt did not look at", domain(disk("vda", "")), [prepared("vda", "copy")], null],
  [
    "a copied disk with one, beside one that stays",
    domain(disk("vda", backing), disk("vdb", backing)),
    [prepared("vda", "copy"), prepared("vdb", "stays")],
    domain(disk("vda", ""), disk("vdb", backing)),
  ],
])("%s", (_, xml, disks, expected) => {
  const definition = destinationDefinition(xml, disks);
  expect(definition?.xml ?? null).toBe(expected);
  if (expected === null) return;
  expect(definition?.parameters.map(({ name, value }) => [name, value])).toEqual([
    ["destination_xml", "without the base images of vda"],
    ["persistent_xml", "without the base images of vda"],
  ]);
});
