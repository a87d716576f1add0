import { childrenNamed, find, type XmlElement } from "./xml-element.ts";

/** What hosts call the networks that they name differently, by the name that the fleet shares: `prod` is `br-prod`. */
export type NetworkNames = Readonly<Record<string, string>>;

/** Where an interface's source has the name of what it is attached to, by the interface's type. */
const SOURCE_ATTRIBUTE: Readonly<Record<string, string>> = { bridge: "bridge", network: "network", direct: "dev" };

/** The fleet's names of the networks that a guest is attached to, as far as this host has other names for them; each once. */
export function sharedNetworks(domain: XmlElement, here: NetworkNames): readonly string[] {
  const interfaces = childrenNamed(find(domain, "devices"), "interface");
  return [...new Set(interfaces.flatMap((device) => networkOf(device, here) ?? []))];
}

/** The interface on what the destination calls its network; null where that is the same, or the network is of no common name. */
export function attachThere(
  device: XmlElement,
  here: NetworkNames,
  there: NetworkNames,
): { readonly device: XmlElement; readonly name: string } | null {
  const shared = networkOf(device, here);
  const name = shared === undefined ? undefined : there[shared];
  if (name === undefined || name === sourceName(device)) return null;
  const attribute = SOURCE_ATTRIBUTE[device.attributes.type ?? ""] ?? "";
  const children = device.children.map((child) => {
    if (child.name !== "source") return child;
    // A port of a network of libvirt's is one on this host; it gets another there (5.1.0).
    const { portid: _port, ...attributes } = child.attributes;
    return { ...child, attributes: { ...attributes, [attribute]: name } };
  });
  return { device: { ...device, children }, name };
}

function networkOf(device: XmlElement, here: NetworkNames): string | undefined {
  const name = device.name === "interface" ? sourceName(device) : undefined;
  return Object.entries(here).find(([, local]) => local === name)?.[0];
}

function sourceName(device: XmlElement): string | undefined {
  return find(device, "source")?.attributes[SOURCE_ATTRIBUTE[device.attributes.type ?? ""] ?? ""];
}
