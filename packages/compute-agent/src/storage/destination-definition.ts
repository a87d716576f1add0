import type { ChosenFlag, PreparedDisk } from "@drover/model";
import { find, formatXml, parseXml, type XmlElement } from "../guest/xml-element.ts";

/** A guest's definition for its destination, and the parameters by which libvirt is given it. */
export interface DestinationDefinition {
  readonly xml: string;
  readonly parameters: readonly ChosenFlag[];
}

/**
 * The definition with which a guest arrives, where it differs from the one it has: a disk that is copied whole has no base
 * image there, and libvirt would look for each that the definition names. Null when nothing differs.
 *
 * It is both the running and the stored one: with `destination_xml` alone the stored one keeps what is right on the source
 * only (CVE-2020-17376).
 *
 * @param migratableXml As libvirt gives it with VIR_DOMAIN_XML_MIGRATABLE and SECURE.
 * @throws {DroverError} `protocol` when it is no XML.
 */
export function destinationDefinition(
  migratableXml: string,
  prepared: readonly PreparedDisk[],
): DestinationDefinition | null {
  const copied = new Set(prepared.filter(({ action }) => action === "copy").map(({ target }) => target));
  const changed: string[] = [];
  const domain = mapDisks(parseXml(migratableXml), (disk) => {
    const target = find(disk, "target")?.attributes.dev ?? "";
    if (!copied.has(target) || find(disk, "backingStore", "source") === undefined) return disk;
    changed.push(target);
    return { ...disk, children: disk.children.filter(({ name }) => name !== "backingStore") };
  });
  if (changed.length === 0) return null;
  const value = `without the base images of ${changed.join(", ")}`;
  const reason = "these disks are copied whole; the running and the stored definition are the same";
  return {
    xml: formatXml(domain),
    parameters: ["destination_xml", "persistent_xml"].map((name) => ({ name, value, reason })),
  };
}

function mapDisks(domain: XmlElement, change: (disk: XmlElement) => XmlElement): XmlElement {
  const inDevices = (child: XmlElement) => (child.name === "disk" ? change(child) : child);
  const children = domain.children.map((child) =>
    child.name === "devices" ? { ...child, children: child.children.map(inDevices) } : child,
  );
  return { ...domain, children };
}
