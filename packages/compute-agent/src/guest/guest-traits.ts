import { childrenNamed, find, parseXml, type XmlElement } from "./xml-element.ts";

/** What of a guest's memory and devices decides by which flags it may move. */
export type GuestTrait = "file-backed-memory" | "memory-limit" | "vhost-user";

const TRAITS: Readonly<Record<GuestTrait, (domain: XmlElement) => boolean>> = {
  "file-backed-memory": (domain) => find(domain, "memoryBacking", "source")?.attributes.type === "file",
  "memory-limit": (domain) => find(domain, "memtune", "hard_limit") !== undefined,
  "vhost-user": (domain) => find(domain, "devices")?.children.some(isVhostUser) ?? false,
};

/** Interfaces, disks and file systems say it by their type, a video device by its driver (5.8.0). */
function isVhostUser(device: XmlElement): boolean {
  const { type } = device.attributes;
  return (
    type === "vhostuser" || childrenNamed(device, "driver").some(({ attributes }) => attributes.name === "vhostuser")
  );
}

/**
 * @param xml A guest's definition, running or stored.
 * @throws {DroverError} `protocol` when it is no XML.
 */
export function readGuestTraits(xml: string): readonly GuestTrait[] {
  const domain = parseXml(xml);
  return (Object.keys(TRAITS) as GuestTrait[]).filter((trait) => TRAITS[trait](domain));
}
