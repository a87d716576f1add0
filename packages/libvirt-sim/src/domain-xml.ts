import { randomUUID } from "node:crypto";
import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";
import type { MemoryLoad } from "./memory-load.ts";
import { noName, xmlError } from "./refusals.ts";
import { attributesOf, childOf, childrenOf, element, elements, setChild, textOf, type XmlNode } from "./xml-node.ts";

/** Namespace of the element in a domain's `<metadata>` that says how the simulated guest uses its memory. */
const LOAD_NAMESPACE = "urn:drover:libvirt-sim:load:1";
const LOAD_PREFIX = "sim";

/** What a guest without that element does: a small, rather quiet server. */
const DEFAULT_LOAD = { touchedShare: 0.5, workingSetShare: 0.1, dirtyMiBps: 4 };

/** A disk that is a plain file. */
export interface FileDisk {
  readonly target: string;
  readonly path: string;
  /** This guest alone writes to it: libvirt calls moving it without copying unsafe. */
  readonly writable: boolean;
}

/** A guest's definition: the facts the simulation needs, and the whole document for whoever asks for the XML. */
export interface DomainDefinition {
  readonly name: string;
  readonly uuid: string;
  readonly memoryKiB: number;
  readonly vcpus: number;
  readonly osType: string;
  readonly load: MemoryLoad;
  readonly fileDisks: readonly FileDisk[];
  /** Volumes of storage pools that its disks are. */
  readonly volumes: readonly { readonly pool: string; readonly name: string }[];
  readonly root: XmlNode;
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  parseTagValue: false,
  parseAttributeValue: false,
  ignoreDeclaration: true,
});
const builder = new XMLBuilder({
  preserveOrder: true,
  ignoreAttributes: false,
  format: true,
  indentBy: "  ",
  suppressEmptyNode: true,
});

/** Bytes of each unit that libvirt takes for sizes. */
export const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1000,
  k: 1024,
  KiB: 1024,
  MB: 1e6,
  M: 2 ** 20,
  MiB: 2 ** 20,
  GB: 1e9,
  G: 2 ** 30,
  GiB: 2 ** 30,
  TB: 1e12,
  T: 2 ** 40,
  TiB: 2 ** 40,
};

/**
 * Reads a domain document. A missing UUID is made up, as libvirtd does; memory is normalised to KiB.
 *
 * @throws {LibvirtError} VIR_ERR_XML_ERROR naming the element that is missing or wrong.
 */
export function parseDomainXml(xml: string): DomainDefinition {
  const root = parseXmlElement(xml);
  if (root === undefined) throw xmlError("the document is not well formed");
  if (!("domain" in root)) throw xmlError("unexpected root element, expecting <domain>");
  const name = textOf(root, "name");
  if (name === "") throw noName();
  const memoryKiB = memoryOf(root);
  const uuid = textOf(root, "uuid") || randomUUID();
  if (!/^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(uuid)) throw xmlError("malformed uuid element");
  const dashed = uuid.replaceAll("-", "").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  let normal = setChild(root, element("uuid", {}, dashed.toLowerCase()), "name");
  normal = setChild(normal, element("memory", { unit: "KiB" }, String(memoryKiB)), "uuid");
  normal = setChild(normal, element("currentMemory", { unit: "KiB" }, String(memoryKiB)), "memory");
  return {
    name,
    uuid: dashed.toLowerCase(),
    memoryKiB,
    vcpus: Number(textOf(root, "vcpu") || "1"),
    osType: textOf(childOf(root, "os") ?? root, "type") || "hvm",
    load: loadOf(root, memoryKiB / 1024),
    fileDisks: fileDisksOf(root),
    volumes: volumesOf(root),
    root: normal,
  };
}

/** The document as libvirtd prints it; a running guest carries its id. */
export function formatDomainXml(definition: DomainDefinition, id?: number): string {
  const { root } = definition;
  const { id: _stale, ...attributes } = attributesOf(root);
  const shown = element("domain", id === undefined ? attributes : { ...attributes, id: String(id) }, childrenOf(root));
  return `${printXml(shown)}\n`;
}

/** The one element that a document is, or undefined when it is not well formed. */
export function parseXmlElement(xml: string): XmlNode | undefined {
  if (XMLValidator.validate(xml) !== true) return undefined;
  return elements(parser.parse(xml) as readonly XmlNode[])[0];
}

/** An element as text, indented by two, without a newline at its end. */
export function printXml(node: XmlNode): string {
  return String(builder.build([node])).trim();
}

/** The same definition with another load, so that it travels with the guest and shows in its XML. */
export function withLoad(definition: DomainDefinition, load: MemoryLoad): DomainDefinition {
  const said = element(`${LOAD_PREFIX}:memory`, {
    [`xmlns:${LOAD_PREFIX}`]: LOAD_NAMESPACE,
    "touched-mib": String(load.touchedMiB),
    "working-set-mib": String(load.workingSetMiB),
    "dirty-mibps": String(load.dirtyMiBps),
  });
  const others = elements(childrenOf(childOf(definition.root, "metadata") ?? {})).filter((node) => !isLoad(node));
  const root = setChild(definition.root, element("metadata", {}, [...others, said]), "uuid");
  return { ...definition, load: { ...load, memoryMiB: definition.memoryKiB / 1024 }, root };
}

/** The same guest under another name (`destination_name` of a migration). */
export function withName(definition: DomainDefinition, name: string): DomainDefinition {
  return { ...definition, name, root: setChild(definition.root, element("name", {}, name)) };
}

function memoryOf(root: XmlNode): number {
  const node = childOf(root, "memory");
  const amount = Number(textOf(root, "memory"));
  const unit = UNIT_BYTES[(node === undefined ? undefined : attributesOf(node).unit) ?? "KiB"];
  if (unit === undefined) throw xmlError("unknown suffix of element 'memory'");
  if (!Number.isFinite(amount) || amount <= 0) throw xmlError("missing or invalid 'memory' element");
  return Math.ceil((amount * unit) / 1024);
}

function loadOf(root: XmlNode, memoryMiB: number): MemoryLoad {
  const said = elements(childrenOf(childOf(root, "metadata") ?? {})).find(isLoad);
  const attributes = said === undefined ? {} : attributesOf(said);
  const touchedMiB = Math.min(memoryMiB, number(attributes["touched-mib"], memoryMiB * DEFAULT_LOAD.touchedShare));
  return {
    memoryMiB,
    touchedMiB,
    workingSetMiB: Math.min(
      touchedMiB,
      number(attributes["working-set-mib"], memoryMiB * DEFAULT_LOAD.workingSetShare),
    ),
    dirtyMiBps: number(attributes["dirty-mibps"], DEFAULT_LOAD.dirtyMiBps),
  };
}

function number(said: string | undefined, otherwise: number): number {
  const value = said === undefined ? Number.NaN : Number(said);
  return Number.isFinite(value) && value >= 0 ? value : otherwise;
}

function isLoad(node: XmlNode): boolean {
  return Object.values(attributesOf(node)).includes(LOAD_NAMESPACE);
}

function disksOf(root: XmlNode): XmlNode[] {
  return elements(childrenOf(childOf(root, "devices") ?? {})).filter((node) => "disk" in node);
}

function volumesOf(root: XmlNode): DomainDefinition["volumes"] {
  return disksOf(root).flatMap((disk) => {
    const { pool, volume } = attributesOf(childOf(disk, "source") ?? {});
    return pool === undefined || volume === undefined ? [] : [{ pool, name: volume }];
  });
}

function fileDisksOf(root: XmlNode): FileDisk[] {
  return disksOf(root).flatMap((disk) => {
    const source = childOf(disk, "source");
    if (attributesOf(disk).type !== "file" || source === undefined) return [];
    const writable = childOf(disk, "readonly") === undefined && childOf(disk, "shareable") === undefined;
    const target = attributesOf(childOf(disk, "target") ?? {}).dev ?? "";
    return [{ target, path: attributesOf(source).file ?? "", writable }];
  });
}
