import { basename } from "node:path";
import { formatXml, type XmlElement } from "../guest/xml-element.ts";

/**
 * A volume to copy a disk into: of the disk's format and exactly its capacity, and as sparse as the format can be. libvirt
 * would make the file itself, but allocates a raw one in full (no `<allocation>`, `qemuMigrationDstPrecreateDisk`, 9.0.0),
 * takes one that is there already for the right one, and leaves it when the migration fails.
 */
export function volumeXml(disk: {
  readonly path: string;
  readonly format: string;
  readonly capacityBytes: number;
}): string {
  const bytes = (name: string, value: number) => element(name, [], String(value), { unit: "bytes" });
  const format = element("format", [], "", { type: disk.format });
  return formatXml(
    element("volume", [
      element("name", [], basename(disk.path)),
      bytes("capacity", disk.capacityBytes),
      bytes("allocation", 0),
      element("target", [format]),
    ]),
  );
}

function element(
  name: string,
  children: readonly XmlElement[],
  text = "",
  attributes: Readonly<Record<string, string>> = {},
): XmlElement {
  return { name, attributes, children, text };
}
