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

/**
 * A folder as a volume of the pool above it. libvirt makes it only where nothing is, and deletes it only when nothing is in it
 * (`virStorageBackendVolDeleteLocal`, 9.0.0); QEMU's user may pass through, as through a folder that a pool is built in.
 */
export function folderXml(path: string): string {
  const capacity = element("capacity", [], "0", { unit: "bytes" });
  const format = element("format", [], "", { type: "dir" });
  const permissions = element("permissions", [element("mode", [], "0711")]);
  const target = element("target", [format, permissions]);
  return formatXml(element("volume", [element("name", [], basename(path)), capacity, target], "", { type: "dir" }));
}

function element(
  name: string,
  children: readonly XmlElement[],
  text = "",
  attributes: Readonly<Record<string, string>> = {},
): XmlElement {
  return { name, attributes, children, text };
}
