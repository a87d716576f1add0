import { type DiskToMove, DroverError } from "@drover/model";
import { storageServer } from "../storage/storage-server.ts";
import type { VolumeInPool } from "../storage/volume-disks.ts";
import { childrenNamed, find, formatXml, parseXml, type XmlElement } from "./xml-element.ts";

export interface GuestDisk {
  /** The name inside the guest: `vda`. */
  readonly target: string;
  /** `disk`, `cdrom`, `floppy` or `lun`. */
  readonly device: string;
  /** libvirt's storage type: `file`, `block`, `network`, `dir`, `volume`, `nvme`, `vhostuser`. */
  readonly type: string;
  /** Of the image: `raw`, `qcow2`, …; `raw` where the definition names none, as libvirt takes it. */
  readonly format: string;
  readonly readOnly: boolean;
  /** Several guests may write to it. */
  readonly shareable: boolean;
  /** Its changes are dropped when the guest stops. */
  readonly transient: boolean;
  /** libvirt holds the key of the image. */
  readonly encrypted: boolean;
  /** What it lies on; null for an empty drive. */
  readonly source: string | null;
  /** Of a disk of type `volume`: the storage pool and the volume that it names; null for others. */
  readonly volume: { readonly pool: string; readonly name: string } | null;
  /** What libvirt says of that volume; a definition does not, and neither is it known of one that libvirt does not find. */
  readonly inPool?: VolumeInPool;
  /** Of a network disk: `rbd`, `iscsi`, `nbd`, …; null for others. */
  readonly protocol: string | null;
  /** Of a network disk: the servers' names and addresses; a unix socket by its path. */
  readonly servers: readonly string[];
  /** Those of them that can be tried by TCP. */
  readonly endpoints: NonNullable<DiskToMove["servers"]>;
  /** Images that its own one only holds the changes to, from the nearest on. */
  readonly backing: readonly BackingImage[];
}

interface BackingImage {
  /** libvirt's storage type, as a disk's. */
  readonly type: string;
  readonly source: string;
}

/** What checks need to know of a guest, from its live XML. */
export interface GuestDefinition {
  readonly virtType: string;
  readonly arch: string;
  readonly machineType: string;
  readonly emulator: string | null;
  readonly memoryKiB: number;
  readonly vcpus: number;
  /** The `<cpu>` element as XML; null when it has none. */
  readonly cpuXml: string | null;
  readonly cpuMode: string | null;
  readonly disks: readonly GuestDisk[];
  /** Devices of this very host that the guest holds, named for people. They cannot come along. */
  readonly pinnedDevices: readonly string[];
}

// libvirt's units for `<memory>` (formatdomain: "Memory Allocation"), in bytes; KiB when there is none.
const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 1024,
  KiB: 1024,
  MB: 1e6,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  GB: 1e9,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
  TB: 1e12,
  T: 1024 ** 4,
  TiB: 1024 ** 4,
};

/** @throws {DroverError} `protocol` when it is no domain XML. */
export function readGuestDefinition(xml: string): GuestDefinition {
  const domain = parseXml(xml);
  if (domain.name !== "domain") {
    throw new DroverError("protocol", `reading a guest's definition: its root is <${domain.name}>, not <domain>`);
  }
  const devices = find(domain, "devices");
  const cpu = find(domain, "cpu");
  const machine = find(domain, "os", "type");
  return {
    virtType: domain.attributes.type ?? "",
    arch: machine?.attributes.arch ?? "",
    machineType: machine?.attributes.machine ?? "",
    emulator: find(devices, "emulator")?.text ?? null,
    memoryKiB: memoryKiB(find(domain, "memory")),
    vcpus: Number(find(domain, "vcpu")?.text ?? 1),
    cpuXml: cpu === undefined ? null : formatXml(cpu),
    cpuMode: cpu?.attributes.mode ?? null,
    disks: childrenNamed(devices, "disk").map(readDisk),
    pinnedDevices: devices === undefined ? [] : devices.children.flatMap(pinnedDevice),
  };
}

function memoryKiB(memory: XmlElement | undefined): number {
  const unitBytes = UNIT_BYTES[memory?.attributes.unit ?? "KiB"] ?? 1024;
  return Math.ceil((Number(memory?.text ?? 0) * unitBytes) / 1024);
}

function readDisk(disk: XmlElement): GuestDisk {
  const source = find(disk, "source");
  const type = disk.attributes.type ?? "file";
  const named = sourceName(source);
  const isNetwork = type === "network";
  const protocol = isNetwork ? (source?.attributes.protocol ?? null) : null;
  const hosts = isNetwork ? childrenNamed(source, "host") : [];
  return {
    target: find(disk, "target")?.attributes.dev ?? "?",
    device: disk.attributes.device ?? "disk",
    type,
    format: find(disk, "driver")?.attributes.type ?? "raw",
    readOnly: find(disk, "readonly") !== undefined,
    shareable: find(disk, "shareable") !== undefined,
    transient: find(disk, "transient") !== undefined,
    encrypted: find(disk, "encryption") !== undefined || find(source, "encryption") !== undefined,
    source: named ?? (source === undefined || EMPTY_WITHOUT_PATH.has(type) ? null : type),
    volume: type === "volume" ? volumeOf(source) : null,
    protocol,
    servers: hosts.map(serverName),
    endpoints: hosts.flatMap(({ attributes }) => storageServer(protocol, attributes) ?? []),
    backing: backingImages(disk),
  };
}

/** Of an ejected drive libvirt leaves a `<source>` that names nothing, with `index` or `startupPolicy`. */
const EMPTY_WITHOUT_PATH: ReadonlySet<string> = new Set(["file", "block", "dir"]);

function sourceName(source: XmlElement | undefined): string | undefined {
  const given = source?.attributes;
  return given?.file ?? given?.dev ?? given?.dir ?? given?.volume ?? given?.name ?? given?.path;
}

function volumeOf(source: XmlElement | undefined): GuestDisk["volume"] {
  const { pool, volume } = source?.attributes ?? {};
  return pool === undefined || volume === undefined ? null : { pool, name: volume };
}

function serverName({ attributes }: XmlElement): string {
  return attributes.transport === "unix" ? (attributes.socket ?? "a unix socket") : (attributes.name ?? "");
}

/** An empty `<backingStore/>` ends the chain (libvirt 1.2.4). */
function backingImages(disk: XmlElement): readonly BackingImage[] {
  const images: BackingImage[] = [];
  for (let layer = find(disk, "backingStore"); layer !== undefined; layer = find(layer, "backingStore")) {
    const source = find(layer, "source");
    if (source === undefined) break;
    images.push({ type: layer.attributes.type ?? "file", source: sourceName(source) ?? "unnamed" });
  }
  return images;
}

function pinnedDevice(device: XmlElement): readonly string[] {
  const { type, mode } = device.attributes;
  if (device.name === "hostdev") return [`host device (${type ?? mode ?? "unknown"})`];
  if (device.name === "interface" && type === "hostdev") return ["network interface on a host device"];
  if (device.name === "filesystem") return [`shared folder (${find(device, "source")?.attributes.dir ?? type ?? "?"})`];
  return [];
}
