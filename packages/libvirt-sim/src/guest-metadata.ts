import { LibvirtError } from "@drover/libvirt";
import { type DomainDefinition, parseXmlElement, printXml } from "./domain-xml.ts";
import { xmlError } from "./refusals.ts";
import { attributesOf, childOf, childrenOf, element, elements, setChild, tagOf, type XmlNode } from "./xml-node.ts";

/**
 * The metadata element of a namespace, as libvirt gives it back: without the prefix it is stored under.
 *
 * @throws {LibvirtError} VIR_ERR_NO_DOMAIN_METADATA when there is none.
 */
export function metadataOf(definition: DomainDefinition, uri: string): string {
  const found = ofDefinition(definition).find((node) => namespaceOf(node) === uri);
  if (found === undefined) {
    throw LibvirtError.refusal(
      "VIR_ERR_NO_DOMAIN_METADATA",
      "metadata not found: Requested metadata element is not present",
    );
  }
  const attributes = Object.entries(attributesOf(found)).filter(([name]) => !name.startsWith("xmlns"));
  return printXml(element(tagOf(found).replace(/^.*:/, ""), Object.fromEntries(attributes), childrenOf(found)));
}

/** The definition with the element of a namespace set, stored under `key` as its prefix; null removes it. */
export function withMetadata(
  definition: DomainDefinition,
  { key, uri, xml }: { readonly key: string; readonly uri: string; readonly xml: string | null },
): DomainDefinition {
  const others = ofDefinition(definition).filter((node) => namespaceOf(node) !== uri);
  const said = xml === null ? [] : [prefixed(xml, key, uri)];
  return { ...definition, root: setChild(definition.root, element("metadata", {}, [...others, ...said]), "uuid") };
}

function prefixed(xml: string, key: string, uri: string): XmlNode {
  const root = parseXmlElement(xml);
  if (root === undefined) throw xmlError("metadata is not one element");
  return element(`${key}:${tagOf(root)}`, { [`xmlns:${key}`]: uri, ...attributesOf(root) }, childrenOf(root));
}

function ofDefinition(definition: DomainDefinition): XmlNode[] {
  return elements(childrenOf(childOf(definition.root, "metadata") ?? {}));
}

function namespaceOf(node: XmlNode): string | undefined {
  const prefix = tagOf(node).split(":")[0];
  return attributesOf(node)[`xmlns:${prefix}`];
}
