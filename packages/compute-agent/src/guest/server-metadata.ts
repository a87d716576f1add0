import { type Domain, isLibvirtError, type LibvirtConnection } from "@drover/libvirt";
import { parseXml, type XmlElement } from "./xml-element.ts";

/** The namespace under which a guest's definition holds what its operators say of it, for policies. */
export const METADATA_URI = "urn:drover:server:1";

/** That under which Nova describes the instance that it made the guest of, since Ussuri (2020). */
const NOVA_URI = "http://openstack.org/xmlns/libvirt/nova/1.1";

/** Names and values beyond these are left out: they are kept for each guest and sent with each report. */
const MOST_ITEMS = 32;
const MOST_CHARACTERS = 255;

type Metadata = Readonly<Record<string, string>>;

/**
 * What the definition says of the guest, under {@link METADATA_URI} (`<server><meta key="tier">db</meta></server>`) and in
 * Nova's words. Empty where it says nothing, or nothing that can be read: a guest is not hidden for what somebody wrote about it.
 */
export async function readServerMetadata(connection: LibvirtConnection, domain: Domain): Promise<Metadata> {
  const [own, nova] = await Promise.all([METADATA_URI, NOVA_URI].map((uri) => readElement(connection, domain, uri)));
  return { ...(nova ? novaMetadataFrom(nova) : {}), ...(own ? metadataFrom(own) : {}) };
}

async function readElement(connection: LibvirtConnection, domain: Domain, uri: string): Promise<string | null> {
  try {
    return await connection.domain.getMetadata(domain, uri);
  } catch (error) {
    // Without the element, and from a hypervisor without the call.
    if (isLibvirtError(error, "VIR_ERR_NO_DOMAIN_METADATA") || isLibvirtError(error, "VIR_ERR_NO_SUPPORT")) return null;
    throw error;
  }
}

/** The pairs of one metadata element; what is no pair, or too long, is left out. */
export function metadataFrom(xml: string): Metadata {
  return pairsOf(xml, (element) =>
    childrenOf(element, "meta").map(({ attributes, text }) => [attributes.key ?? "", text] as const),
  );
}

/** What of Nova's element a policy may be chosen by, names all: LibvirtConfigGuestMetaNovaInstance in Nova's config.py. */
export function novaMetadataFrom(xml: string): Metadata {
  return pairsOf(xml, (instance) => {
    const [owner] = childrenOf(instance, "owner");
    return [
      ...childrenOf(instance, "name").map(({ text }) => ["nova.name", text] as const),
      ...childrenOf(instance, "flavor").map(({ attributes }) => ["nova.flavor", attributes.name ?? ""] as const),
      ...childrenOf(owner, "project").map(({ text }) => ["nova.project", text] as const),
    ];
  });
}

/** Children of that name, under whatever prefix: libvirt takes that of the namespace away. */
function childrenOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name.replace(/^.*:/, "") === name) ?? [];
}

function pairsOf(xml: string, read: (element: XmlElement) => readonly (readonly [string, string])[]): Metadata {
  try {
    const fits = ([key, value]: readonly [string, string]) =>
      key !== "" && key.length <= MOST_CHARACTERS && value.length <= MOST_CHARACTERS;
    // People write these, and may put a value on a line of its own.
    const pairs = read(parseXml(xml)).map(([key, value]) => [key.trim(), value.trim()] as const);
    return Object.fromEntries(pairs.filter(fits).slice(0, MOST_ITEMS));
  } catch {
    return {};
  }
}
