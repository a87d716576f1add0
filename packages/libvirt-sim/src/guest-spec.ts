import { type DomainDefinition, parseDomainXml, withLoad } from "./domain-xml.ts";
import { uuidFromName } from "./host-spec.ts";

/** A guest of a simulated fleet, as it is asked for. */
export interface GuestOptions {
  readonly name: string;
  readonly host: string;
  /** @default derived from the name, so that it stays the same across restarts */
  readonly uuid?: string;
  /** @default 1024 */
  readonly memoryMiB?: number;
  /** @default 2 */
  readonly vcpus?: number;
  /** Memory that is not zeros, MiB. @default half of it */
  readonly touchedMiB?: number;
  /** Memory it keeps writing to, MiB. @default a tenth of it */
  readonly workingSetMiB?: number;
  /** How fast it writes there, MiB/s of whole pages. @default 4 */
  readonly dirtyMiBps?: number;
  /** A disk on the network, which no host has to reach: the simulator reads none. @default true */
  readonly networkDisk?: boolean;
  /** Writable raw disks beside its network disk, by their paths; the files are put there with `putFile`. @default none */
  readonly localDisks?: readonly string[];
  /** A read-only raw disk, such as a config drive, by its path; the same holds for its file. @default none */
  readonly readOnlyDisk?: string;
  /** Writable raw disks that are volumes of storage pools of its host. @default none */
  readonly volumes?: readonly { readonly pool: string; readonly name: string }[];
  /** A transient guest is gone when it stops. @default true */
  readonly persistent?: boolean;
  /** @default true */
  readonly running?: boolean;
}

/** The definition of such a guest: a plain Linux machine with a disk on the network and one interface. */
export function guestDefinition(options: GuestOptions): DomainDefinition {
  const memoryMiB = options.memoryMiB ?? 1024;
  const definition = parseDomainXml(guestXml(options, memoryMiB));
  const { load } = definition;
  const touchedMiB = Math.min(memoryMiB, options.touchedMiB ?? load.touchedMiB);
  return withLoad(definition, {
    memoryMiB,
    touchedMiB,
    workingSetMiB: Math.min(touchedMiB, options.workingSetMiB ?? load.workingSetMiB),
    dirtyMiBps: options.dirtyMiBps ?? load.dirtyMiBps,
  });
}

function guestXml(options: GuestOptions, memoryMiB: number): string {
  const uuid = options.uuid ?? uuidFromName(`guest ${options.name}`);
  const mac = uuid
    .replaceAll("-", "")
    .slice(-6)
    .replace(/(..)(..)(..)/, "52:54:00:$1:$2:$3");
  return `<domain type="kvm">
  <name>${options.name}</name>
  <uuid>${uuid}</uuid>
  <memory unit="KiB">${memoryMiB * 1024}</memory>
  <vcpu placement="static">${options.vcpus ?? 2}</vcpu>
  <os>
    <type arch="x86_64" machine="pc-i440fx-7.2">hvm</type>
    <boot dev="hd"/>
  </os>
  <features>
    <acpi/>
    <apic/>
  </features>
  <cpu mode="custom" match="exact" check="none">
    <model fallback="forbid">qemu64</model>
  </cpu>
  <clock offset="utc"/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    ${options.networkDisk === false ? "" : networkDisk(options.name)}${(options.localDisks ?? []).map((path, index) => localDisk(path, `vd${"bcdefgh"[index]}`)).join("")}${
      options.readOnlyDisk === undefined ? "" : localDisk(options.readOnlyDisk, "vdz", "\n      <readonly/>")
    }${(options.volumes ?? []).map((volume, index) => volumeDisk(volume, `vd${"pqrst"[index]}`)).join("")}
    <interface type="bridge">
      <mac address="${mac}"/>
      <source bridge="br0"/>
      <model type="virtio"/>
    </interface>
    <serial type="pty">
      <target port="0"/>
    </serial>
    <memballoon model="none"/>
  </devices>
</domain>`;
}

function networkDisk(name: string): string {
  return `<disk type="network" device="disk">
      <driver name="qemu" type="raw" cache="none"/>
      <source protocol="nbd" name="${name}">
        <host name="storage" port="10809"/>
      </source>
      <target dev="vda" bus="virtio"/>
    </disk>`;
}

function volumeDisk({ pool, name }: { readonly pool: string; readonly name: string }, target: string): string {
  return `
    <disk type="volume" device="disk">
      <driver name="qemu" type="raw"/>
      <source pool="${pool}" volume="${name}"/>
      <target dev="${target}" bus="virtio"/>
    </disk>`;
}

function localDisk(path: string, target: string, more = ""): string {
  return `
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/>
      <source file="${path}"/>
      <target dev="${target}" bus="virtio"/>${more}
    </disk>`;
}
