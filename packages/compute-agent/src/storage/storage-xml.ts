import { formatXml, type XmlElement } from "../guest/xml-element.ts";

/** A pool over a folder. */
export function folderPoolXml(name: string, folder: string): string {
  const target = element("target", [element("path", [], folder)]);
  return formatXml(element("pool", [element("name", [], name), target], "", { type: "dir" }));
}

/** A volume that grows with what is written to it. */
export function emptyVolumeXml(name: string): string {
  const none = (what: string) => element(what, [], "0", { unit: "bytes" });
  const target = element("target", [element("format", [], "", { type: "raw" })]);
  return formatXml(element("volume", [element("name", [], name), none("capacity"), none("allocation"), target]));
}

function element(
  name: string,
  children: readonly XmlElement[],
  text = "",
  attributes: Readonly<Record<string, string>> = {},
): XmlElement {
  return { name, attributes, children, text };
}
