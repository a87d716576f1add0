import { randomUUID } from "node:crypto";
import { VIR_FROM } from "@drover/libvirt";
import { parseXmlElement, printXml, UNIT_BYTES } from "./domain-xml.ts";
import type { TargetAddress } from "./iscsi-targets.ts";
import { xmlError } from "./refusals.ts";
import { attributesOf, childOf, element, textOf, type XmlNode } from "./xml-node.ts";

/** What a pool's document asks for. */
export interface PoolDefinition {
  readonly name: string;
  readonly uuid: string;
  /** The folder; null for one that is not in the file system. */
  readonly path: string | null;
  /** Of an `iscsi-direct` pool; null for a folder. */
  readonly target: TargetAddress | null;
  /** The `<source>` as it was given. */
  readonly source: XmlNode;
}

/** What a volume's document asks for. */
export interface VolumeDefinition {
  readonly name: string;
  readonly capacityBytes: number;
  readonly format: string;
}

/** @throws {LibvirtError} VIR_ERR_XML_ERROR; other types of pool than `dir` and `iscsi-direct` are not simulated. */
export function parsePoolXml(xml: string): PoolDefinition {
  const root = parseXmlElement(xml);
  if (root === undefined || !("pool" in root)) throw refused("unknown root element, expecting <pool>");
  const { type } = attributesOf(root);
  const name = textOf(root, "name");
  if (name === "") throw refused("missing pool source name element");
  const uuid = textOf(root, "uuid") || randomUUID();
  const source = childOf(root, "source") ?? element("source", {});
  if (type === "iscsi-direct") return { name, uuid, path: null, target: targetOf(source), source };
  if (type !== "dir") throw refused(`the simulated storage has no pools of type '${type}'`);
  const target = childOf(root, "target");
  const path = target === undefined ? "" : textOf(target, "path");
  if (!path.startsWith("/")) throw refused("missing storage pool target path");
  return { name, uuid, path: path.replace(/(?<=.)\/+$/, ""), target: null, source };
}

function targetOf(source: XmlNode): TargetAddress {
  const said = (tag: string) => attributesOf(childOf(source, tag) ?? {});
  const [host, device, initiator] = [said("host"), said("device"), childOf(source, "initiator")];
  if (host.name === undefined) throw refused("missing storage pool source host name");
  if (device.path === undefined) throw refused("missing storage pool source device path");
  if (initiator === undefined) throw refused("missing storage pool initiator iqn");
  return { portal: `${host.name}:${host.port ?? "3260"}`, target: device.path };
}

/** @throws {LibvirtError} VIR_ERR_XML_ERROR naming what is missing. */
export function parseVolumeXml(xml: string): VolumeDefinition {
  const root = parseXmlElement(xml);
  if (root === undefined || !("volume" in root)) throw refused("unknown root element, expecting <volume>");
  const name = textOf(root, "name");
  if (name === "" || name.includes("/")) throw refused("missing volume name element");
  const capacity = childOf(root, "capacity");
  if (capacity === undefined) throw refused("missing capacity element");
  const unit = UNIT_BYTES[attributesOf(capacity).unit ?? "bytes"];
  const count = Number(textOf(root, "capacity"));
  if (unit === undefined || !Number.isSafeInteger(count)) throw refused("malformed capacity element");
  const target = childOf(root, "target");
  const format = target === undefined ? undefined : childOf(target, "format");
  return { name, capacityBytes: count * unit, format: (format && attributesOf(format).type) || "raw" };
}

/** As libvirtd prints a pool. */
export function poolXml(pool: PoolDefinition & PoolSizes): string {
  return print("pool", { type: pool.path === null ? "iscsi-direct" : "dir" }, [
    element("name", {}, pool.name),
    element("uuid", {}, pool.uuid),
    bytes("capacity", pool.capacityBytes),
    bytes("allocation", pool.allocationBytes),
    bytes("available", pool.capacityBytes - pool.allocationBytes),
    pool.source,
    ...(pool.path === null ? [] : [element("target", {}, [element("path", {}, pool.path)])]),
  ]);
}

/** As libvirtd prints a volume. */
export function volumeXml(
  volume: VolumeDefinition & { readonly kind: string; readonly path: string; readonly allocationBytes: number },
): string {
  return print("volume", { type: volume.kind }, [
    element("name", {}, volume.name),
    element("key", {}, volume.path),
    bytes("capacity", BigInt(volume.capacityBytes)),
    bytes("allocation", BigInt(volume.allocationBytes)),
    element("target", {}, [element("path", {}, volume.path), element("format", { type: volume.format })]),
  ]);
}

export interface PoolSizes {
  readonly capacityBytes: bigint;
  readonly allocationBytes: bigint;
}

function bytes(tag: string, count: bigint): XmlNode {
  return element(tag, { unit: "bytes" }, String(count));
}

function print(tag: string, attributes: Readonly<Record<string, string>>, children: readonly XmlNode[]): string {
  return `${printXml(element(tag, attributes, children))}\n`;
}

function refused(detail: string) {
  return xmlError(detail, VIR_FROM.VIR_FROM_STORAGE);
}
