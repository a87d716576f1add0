/** One node as fast-xml-parser gives it with `preserveOrder`: its tag holds its children, `:@` its attributes. */
export type XmlNode = { readonly [tag: string]: unknown };

const ATTRIBUTES = ":@";
const TEXT = "#text";
const PREFIX = "@_";

/** Nodes that are elements, without the text between them. */
export function elements(nodes: readonly XmlNode[]): XmlNode[] {
  return nodes.filter((node) => tagOf(node) !== TEXT);
}

export function tagOf(node: XmlNode): string {
  return Object.keys(node).find((key) => key !== ATTRIBUTES) ?? "";
}

export function childrenOf(node: XmlNode): readonly XmlNode[] {
  const children = node[tagOf(node)];
  return Array.isArray(children) ? (children as XmlNode[]) : [];
}

export function childOf(node: XmlNode, tag: string): XmlNode | undefined {
  return childrenOf(node).find((child) => tag in child);
}

/** Attributes by name; those of a node without any are empty. */
export function attributesOf(node: XmlNode): Readonly<Record<string, string>> {
  const attributes = (node[ATTRIBUTES] ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name.slice(PREFIX.length), String(value)]),
  );
}

/** The text of a node's child, trimmed; empty when there is none. */
export function textOf(node: XmlNode, tag: string): string {
  const child = childOf(node, tag);
  if (child === undefined) return "";
  return childrenOf(child)
    .map((part) => (TEXT in part ? String(part[TEXT]) : ""))
    .join("")
    .trim();
}

/** A new element; a string becomes its text. */
export function element(
  tag: string,
  attributes: Readonly<Record<string, string>>,
  content: string | readonly XmlNode[] = [],
): XmlNode {
  const named = Object.entries(attributes).map(([name, value]) => [`${PREFIX}${name}`, value]);
  return {
    [tag]: typeof content === "string" ? [{ [TEXT]: content }] : content,
    ...(named.length === 0 ? {} : { [ATTRIBUTES]: Object.fromEntries(named) }),
  };
}

/** `node` with `child` in place of its child of that tag, or added after `after` (at the start without one). */
export function setChild(node: XmlNode, child: XmlNode, after?: string): XmlNode {
  const tag = tagOf(child);
  const children = childrenOf(node);
  const at = children.findIndex((other) => tag in other);
  const position = after === undefined ? -1 : children.findIndex((other) => after in other);
  const changed =
    at === -1
      ? [...children.slice(0, position + 1), child, ...children.slice(position + 1)]
      : children.map((other, index) => (index === at ? child : other));
  return { ...node, [tagOf(node)]: changed };
}
