import { type Domain, isLibvirtError, type LibvirtConnection } from "@drover/libvirt";
import { parseXml } from "./xml-element.ts";

/** The namespace under which a guest's definition holds what its operators say of it, for policies. */
export const METADATA_URI = "https://drover.dev/xmlns/server/1";

/** Names and values beyond these are left out: they are kept for each guest and sent with each report. */
const MOST_ITEMS = 32;
const MOST_CHARACTERS = 255;

/**
 * What the definition says of the guest under {@link METADATA_URI}: `<server><meta key="tier">db</meta></server>`. Empty where
 * it says nothing, or nothing that can be read: a guest is not hidden for what somebody wrote about it.
 */
export async function readServerMetadata(
  connection: LibvirtConnection,
  domain: Domain,
): Promise<Readonly<Record<string, string>>> {
  try {
    return metadataFrom(await connection.domain.getMetadata(domain, METADATA_URI));
  } catch (error) {
    // Without the element, and from a hypervisor without the call.
    if (isLibvirtError(error, "VIR_ERR_NO_DOMAIN_METADATA") || isLibvirtError(error, "VIR_ERR_NO_SUPPORT")) return {};
    throw error;
  }
}

/** The pairs of one metadata element; what is no pair, or too long, is left out. */
export function metadataFrom(xml: string): Readonly<Record<string, string>> {
  const pairs: [string, string][] = [];
  try {
    for (const { name, attributes, text } of parseXml(xml).children) {
      const key = attributes.key ?? "";
      const isPair = /^(?:.*:)?meta$/.test(name) && key !== "" && key.length <= MOST_CHARACTERS;
      if (isPair && text.length <= MOST_CHARACTERS && pairs.length < MOST_ITEMS) pairs.push([key, text]);
    }
  } catch {
    return {};
  }
  return Object.fromEntries(pairs);
}
