/** The disks of a guest of the matrix: made before it starts, compared after it has moved or stayed. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createOwnedFolder,
  type LabHost,
  type RealService,
  runCommand,
  startIscsiTarget,
  startNbdServer,
} from "@drover/testkit";
import type { Boot, Variant } from "./cells.ts";

/** As hosts see it; each of the lab has one of its own there, and libvirt has no pool for it. It has to exist. */
export const DISKS_FOLDER = "/var/lib/libvirt/images";
const BOOT_MIB = 16;
const OTHER_MIB = 8;

export interface GuestDisks extends AsyncDisposable {
  /** For the domain. */
  readonly devicesXml: string;
  /** SHA-256 of what the guest must read from `vda`. */
  readonly bootSha256: string;
  /** SHA-256 over all disks, for the report: what arrived is this. */
  readonly sha256: string;
  /** Each way in which a host's files are not as they should be, now that the guest runs on `host` and not on `other`. */
  problems(host: LabHost, other: LabHost): Promise<readonly string[]>;
}

/** A file of the host that the guest is on. */
interface LocalDisk {
  readonly target: string;
  readonly path: string;
  readonly format: "qcow2" | "raw";
  /** A raw file outside the hosts with what it has to hold. */
  readonly reference: string;
  /** Its file is copied, not moved: it stays where it was too. */
  readonly readOnly: boolean;
}

/** Makes the disks on a host, or on servers that both hosts reach at `serverAddress`. */
export async function makeDisks(
  { boot, variant }: { readonly boot: Boot; readonly variant: Variant },
  name: string,
  source: LabHost,
  serverAddress: string,
): Promise<GuestDisks> {
  const made = new AsyncDisposableStack();
  const folder = await createOwnedFolder({ kind: "matrix" });
  made.defer(() => folder.remove());
  const local: LocalDisk[] = [];
  const devices: string[] = [];
  const digest = createHash("sha256");

  const content = async (label: string, mib: number) => {
    const reference = join(folder.path, `${label}.raw`);
    const bytes = randomBytes(mib * 1_048_576);
    await writeFile(reference, bytes);
    digest.update(bytes);
    return { reference, sha256: createHash("sha256").update(bytes).digest("hex") };
  };
  const addLocal = async (target: string, mib: number) => {
    const { reference, sha256 } = await content(target, mib);
    const path = `${DISKS_FOLDER}/${name}-${target}.qcow2`;
    await source.exec("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", reference, outside(source, path)]);
    local.push({ target, path, format: "qcow2", reference, readOnly: false });
    devices.push(diskXml("file", "qcow2", `<source file='${path}'/>`, target));
    return sha256;
  };
  const addVolume = async (target: string, mib: number, protocol: "iscsi" | "nbd") => {
    const { reference, sha256 } = await content(target, mib);
    const options = { path: reference, listenAddress: serverAddress };
    const label = `${name}-${target}`;
    const service =
      protocol === "iscsi" ? await startIscsiTarget({ ...options, label }) : await startNbdServer(options);
    made.use(service);
    const volume = "targetName" in service ? `${service.targetName}/1` : service.exportName;
    devices.push(diskXml("network", "raw", networkSource(protocol, volume, service), target));
    return sha256;
  };

  try {
    const bootSha256 =
      boot === "local qcow2"
        ? await addLocal("vda", BOOT_MIB)
        : await addVolume("vda", BOOT_MIB, boot === "iSCSI volume" ? "iscsi" : "nbd");
    if (variant === "swap and ephemeral") {
      await addLocal("vdb", OTHER_MIB);
      await addLocal("vdc", OTHER_MIB);
    }
    if (variant === "attached volume") await addVolume("vdb", OTHER_MIB, "nbd");
    if (variant === "config drive") {
      const iso = await configDrive(folder.path, name);
      digest.update(readFileSync(iso));
      const path = `${DISKS_FOLDER}/${name}-config.iso`;
      await source.exec("cp", [iso, outside(source, path)]);
      local.push({ target: "vdb", path, format: "raw", reference: iso, readOnly: true });
      devices.push(diskXml("file", "raw", `<source file='${path}'/>`, "vdb", "<readonly/>"));
    }
    const hosts = new Set([source]);
    made.defer(async () => {
      for (const host of hosts) for (const { path } of local) await rm(outside(host, path), { force: true });
    });
    return {
      devicesXml: devices.join("\n"),
      bootSha256,
      sha256: digest.digest("hex"),
      problems: async (host, other) => {
        hosts.add(host).add(other);
        const found: string[] = [];
        for (const disk of local) found.push(...(await diskProblems(disk, host, other, source)));
        return found;
      },
      [Symbol.asyncDispose]: () => made.disposeAsync(),
    };
  } catch (error) {
    await made.disposeAsync();
    throw error;
  }
}

async function diskProblems(disk: LocalDisk, host: LabHost, other: LabHost, origin: LabHost): Promise<string[]> {
  const { target, path, format, reference, readOnly } = disk;
  if (!existsSync(outside(host, path))) return [`${target} has no file on ${host.name}`];
  const problems: string[] = [];
  const args = ["compare", "-U", "-f", "raw", "-F", format, reference, outside(host, path)];
  await host.exec("qemu-img", args).catch(() => problems.push(`${target} on ${host.name} holds something else`));
  const mayStay = readOnly && other === origin;
  if (!mayStay && existsSync(outside(other, path))) problems.push(`${target} left a file on ${other.name}`);
  return problems;
}

function diskXml(type: "file" | "network", format: string, source: string, target: string, more = ""): string {
  return `<disk type='${type}' device='disk'><driver name='qemu' type='${format}' cache='none'/>${source}
    <target dev='${target}' bus='virtio'/>${more}</disk>`;
}

function networkSource(protocol: string, name: string, { address, port }: RealService): string {
  return `<source protocol='${protocol}' name='${name}'><host name='${address}' port='${port}'/></source>`;
}

/** An ISO 9660 image with what a cloud's metadata service would put in. */
async function configDrive(folder: string, name: string): Promise<string> {
  const content = join(folder, "config-2");
  await mkdir(join(content, "openstack/latest"), { recursive: true });
  await writeFile(join(content, "openstack/latest/meta_data.json"), JSON.stringify({ name, random: randomBytes(64) }));
  const iso = join(folder, "config.iso");
  await runCommand("genisoimage", ["-quiet", "-o", iso, "-V", "config-2", "-J", "-r", content]);
  return iso;
}

/** A host's path in the root mount namespace. */
function outside(host: LabHost, path: string): string {
  return join(host.folders.state, path.slice("/var/lib/libvirt".length));
}
