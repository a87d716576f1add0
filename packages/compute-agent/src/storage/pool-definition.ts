import type { DiskToMove } from "@drover/model";
import { childrenNamed, find, formatXml, parseXml, type XmlElement } from "../guest/xml-element.ts";
import { storageServer } from "./storage-server.ts";

/** A storage pool, by what its document says of the storage that it is over. */
export interface PoolDefinition {
  readonly name: string;
  /** libvirt's: `dir`, `netfs`, `iscsi-direct`, … */
  readonly type: string;
  /** Where its volumes are in the host's file system; null for pools that QEMU reaches over the network. */
  readonly targetPath: string | null;
  /** Names and addresses of the hosts that serve it. */
  readonly servers: readonly string[];
  /** Those of them that can be tried by TCP. */
  readonly endpoints: NonNullable<DiskToMove["servers"]>;
  /** It logs in with a secret that libvirt keeps. */
  readonly needsSecret: boolean;
  /** Its storage in words, in one order: two pools of network storage that have the same are over the same. */
  readonly storage: string;
}

/**
 * What a pool's volumes are: files of the host's own file system; storage that a server gives to every host that names it in the
 * same way; or devices of the host, of which libvirt cannot tell whether another host has the same.
 */
export type PoolKind = "files" | "network" | "devices";

/** The protocol, as QEMU's drivers call it, of the types of pools that are over network storage. */
const NETWORK_PROTOCOLS: Readonly<Record<string, string>> = {
  netfs: "nfs",
  iscsi: "iscsi",
  "iscsi-direct": "iscsi",
  rbd: "rbd",
  gluster: "gluster",
  sheepdog: "sheepdog",
};

/** What of a pool's `<source>` says which storage it is. */
const OF_THE_STORAGE: ReadonlySet<string> = new Set(["host", "device", "dir", "name", "initiator", "format", "auth"]);

export function kindOfPool({ type }: Pick<PoolDefinition, "type">): PoolKind {
  if (type === "dir" || type === "fs") return "files";
  return NETWORK_PROTOCOLS[type] === undefined ? "devices" : "network";
}

/** @throws {DroverError} `protocol` when it is no XML. */
export function readPool(xml: string): PoolDefinition {
  const pool = parseXml(xml);
  const type = pool.attributes.type ?? "";
  const source = find(pool, "source");
  const protocol = NETWORK_PROTOCOLS[type] ?? null;
  const hosts = childrenNamed(source, "host");
  return {
    name: find(pool, "name")?.text ?? "",
    type,
    targetPath: find(pool, "target", "path")?.text ?? null,
    servers: hosts.map(({ attributes }) => attributes.name ?? ""),
    endpoints: hosts.flatMap(({ attributes }) => storageServer(protocol, attributes) ?? []),
    needsSecret: find(source, "auth", "secret") !== undefined,
    storage: storageWords(source, protocol).join(", "),
  };
}

/**
 * The pool's document for another host: which storage it is, where its volumes are, and nothing else. Options of a
 * mount, owners and the rest are for whoever administers a host to say.
 */
export function poolForOthers(xml: string): string {
  const { attributes, children, name } = parseXml(xml);
  const keep = (child: XmlElement): readonly XmlElement[] => {
    if (child.name === "name") return [child];
    if (child.name === "source") return [withChildren(child, OF_THE_STORAGE)];
    return child.name === "target" ? [withChildren(child, new Set(["path"]))] : [];
  };
  return formatXml({ name, text: "", attributes: { type: attributes.type ?? "" }, children: children.flatMap(keep) });
}

function withChildren(element: XmlElement, names: ReadonlySet<string>): XmlElement {
  return { ...element, children: element.children.filter(({ name }) => names.has(name)) };
}

/**
 * Everything by which a server chooses what it gives. The initiator and the user are part of it: a target may give each of them
 * other volumes under the same numbers.
 */
function storageWords(source: XmlElement | undefined, protocol: string | null): readonly string[] {
  const hosts = childrenNamed(source, "host").map(({ attributes }) => {
    const port = storageServer(protocol, attributes)?.port;
    return port === undefined ? `${attributes.name}` : `${attributes.name}:${port}`;
  });
  const devices = childrenNamed(source, "device").map(({ attributes }) => attributes.path);
  const said = (word: string, value: string | undefined) => (value === undefined ? [] : [`${word} ${value}`]);
  return [
    ...hosts.sort(),
    ...devices.flatMap((path) => said("device", path)).sort(),
    ...said("folder", find(source, "dir")?.attributes.path),
    ...said("name", find(source, "name")?.text),
    ...said("initiator", find(source, "initiator", "iqn")?.attributes.name),
    ...said("user", find(source, "auth")?.attributes.username),
  ];
}
