import { DroverError } from "@drover/model";
import { XMLBuilder, XMLParser } from "fast-xml-parser";

/** An XML element with its order kept, so that a part of it can be written out again as it was. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const ATTRIBUTES = ":@";
const TEXT = "#text";
const PREFIX = "@";

const options = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: PREFIX,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
} as const;

const parser = new XMLParser(options);
const builder = new XMLBuilder({ ...options, format: false });

type OrderedNode = Readonly<Record<string, unknown>>;

/**
 * The root element of a document of libvirt's.
 *
 * @throws {DroverError} `protocol` when it is not XML, or not one element.
 */
export function parseXml(document: string): XmlElement {
  let nodes: unknown;
  try {
    nodes = parser.parse(document, true);
  } catch (error) {
    throw new DroverError("protocol", "reading an XML document of libvirtd's", { cause: error });
  }
  const root = elementsOf(nodes).at(0);
  if (root === undefined) throw new DroverError("protocol", "reading an XML document of libvirtd's: it has no element");
  return root;
}

/** The element as XML again, on one line. */
export function formatXml(element: XmlElement): string {
  return builder.build([orderedFrom(element)]);
}

/** The first element at the end of a path of names below `element`. */
export function find(element: XmlElement | undefined, ...path: readonly string[]): XmlElement | undefined {
  let at = element;
  for (const name of path) at = at?.children.find((candidate) => candidate.name === name);
  return at;
}

/** All children of that name. */
export function childrenNamed(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

function elementsOf(nodes: unknown): XmlElement[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.filter(isNode).flatMap((node) => {
    const name = Object.keys(node).find((key) => key !== ATTRIBUTES);
    if (name === undefined || name === TEXT || name.startsWith("?")) return [];
    const children = elementsOf(node[name]);
    const text = textOf(node[name]);
    const isLayout = children.length > 0 && text.trim() === "";
    return [{ name, attributes: attributesOf(node[ATTRIBUTES]), children, text: isLayout ? "" : text }];
  });
}

function textOf(nodes: unknown): string {
  if (!Array.isArray(nodes)) return "";
  return nodes
    .filter(isNode)
    .map((node) => node[TEXT])
    .filter((text) => typeof text === "string")
    .join("");
}

function attributesOf(raw: unknown): Readonly<Record<string, string>> {
  if (!isNode(raw)) return {};
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key.slice(PREFIX.length), String(value)]));
}

function orderedFrom(element: XmlElement): OrderedNode {
  const inner: OrderedNode[] = element.children.map(orderedFrom);
  if (element.text !== "") inner.unshift({ [TEXT]: element.text });
  const attributes = Object.entries(element.attributes).map(([name, value]) => [PREFIX + name, value]);
  return { [element.name]: inner, [ATTRIBUTES]: Object.fromEntries(attributes) };
}

function isNode(value: unknown): value is OrderedNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
