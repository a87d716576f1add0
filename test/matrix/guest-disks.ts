/** The disks of a guest of the matrix: made before it starts, compared after it has moved or stayed. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type CephCluster,
  createOwnedFolder,
  type LabHost,
  type RealService,
  runCommand,
  waitFor,
} from "@drover/testkit";
import type { Boot, Variant } from "./cells.ts";
import { serveVolume, type VolumeProtocol } from "./volumes.ts";

/** As hosts see it; each of the lab has one of its own there, and libvirt has no pool for it. It has to exist. */
export const DISKS_FOLDER = "/var/lib/libvirt/images";
const BOOT_MIB = 4;
const OTHER_MIB = 2;

const BOOT_PROTOCOLS: Readonly<Record<Boot, VolumeProtocol | undefined>> = {
  "local qcow2": undefined,
  "iSCSI volume": "iscsi",
  "NBD volume": "nbd",
  "RBD volume": "rbd",
};

export interface GuestDisks extends AsyncDisposable {
  /** For the domain. */
  readonly devicesXml: string;
  /** SHA-256 of what the guest must read from each of them, by its name in the guest. */
  readonly checksums: ReadonlyMap<string, string>;
  /** SHA-256 over all of them, for the report: what arrived is this. */
  readonly sha256: string;
  /** Takes away what a user's own copy on the host would spare a migration: what a cell is about happens in each. */
  clearFor(host: LabHost): Promise<void>;
  /** Paths of the files that have to be on the host, while the guest is there or elsewhere. */
  filesOn(host: LabHost, guestIsHere: boolean): readonly string[];
  /** Each way in which they are not as they should be, now that the guest runs on `host` and not on `other`. */
  problems(host: LabHost, other: LabHost): Promise<readonly string[]>;
}

/** A file of the host that the guest is on. */
interface LocalDisk {
  readonly target: string;
  readonly path: string;
  readonly format: "qcow2" | "raw";
  /** A raw file outside the hosts with what it has to hold. */
  readonly reference: string;
  /** Hosts on which somebody put it who is not Drover: what they have stays. Of a disk that is moved, none. */
  readonly keptOn: Set<LabHost>;
}

export interface DisksOptions {
  readonly boot: Boot;
  readonly variant: Variant;
  /** The guest's. */
  readonly name: string;
  /** Where it will start. */
  readonly host: LabHost;
  /** Where both hosts reach servers. */
  readonly serverAddress: string;
  readonly ceph: () => Promise<CephCluster>;
}

export async function makeDisks({ boot, variant, name, host, serverAddress, ceph }: DisksOptions): Promise<GuestDisks> {
  const made = new AsyncDisposableStack();
  const folder = await createOwnedFolder({ kind: "matrix" });
  made.defer(() => folder.remove());
  const local: LocalDisk[] = [];
  const servers: RealService[] = [];
  const devices: string[] = [];
  const checksums = new Map<string, string>();
  const digest = createHash("sha256");

  const add = (target: string, bytes: Buffer, xml: string) => {
    digest.update(bytes);
    checksums.set(target, createHash("sha256").update(bytes).digest("hex"));
    devices.push(xml);
  };
  const content = async (target: string, mib: number) => {
    const reference = join(folder.path, `${target}.raw`);
    const bytes = randomBytes(mib * 1_048_576);
    await writeFile(reference, bytes);
    return { reference, bytes };
  };
  const addLocal = async (target: string, mib: number) => {
    const { reference, bytes } = await content(target, mib);
    const path = `${DISKS_FOLDER}/${name}-${target}.qcow2`;
    await host.exec("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", reference, outside(host, path)]);
    local.push({ target, path, format: "qcow2", reference, keptOn: new Set() });
    add(target, bytes, diskXml("file", "qcow2", `<source file='${path}'/>`, target));
  };
  const addVolume = async (target: string, mib: number, protocol: VolumeProtocol) => {
    const { reference, bytes } = await content(target, mib);
    const label = `${name}-${target}`;
    const volume = await serveVolume(protocol, { label, path: reference, serverAddress, ceph, owner: made });
    servers.push(volume.server);
    add(target, bytes, diskXml("network", "raw", volume.sourceXml, target));
  };
  const addConfigDrive = async (target: string) => {
    const reference = await configDrive(folder.path, name);
    const path = `${DISKS_FOLDER}/${name}-config.iso`;
    await host.exec("cp", [reference, outside(host, path)]);
    local.push({ target, path, format: "raw", reference, keptOn: new Set([host]) });
    const xml = diskXml("file", "raw", `<source file='${path}'/>`, target, "<readonly/>");
    add(target, await readFile(reference), xml);
  };

  try {
    const protocol = BOOT_PROTOCOLS[boot];
    await (protocol === undefined ? addLocal("vda", BOOT_MIB) : addVolume("vda", BOOT_MIB, protocol));
    if (variant === "swap and ephemeral") {
      await addLocal("vdb", OTHER_MIB);
      await addLocal("vdc", OTHER_MIB);
    }
    if (variant === "attached volume") await addVolume("vdb", OTHER_MIB, "nbd");
    if (variant === "config drive") await addConfigDrive("vdb");
    const hosts = new Set([host]);
    made.defer(async () => {
      for (const one of hosts) for (const { path } of local) await rm(outside(one, path), { force: true });
    });
    return {
      devicesXml: devices.join("\n"),
      checksums,
      sha256: digest.digest("hex"),
      clearFor: async (destination) => {
        hosts.add(destination);
        for (const { path, keptOn } of local) {
          if (keptOn.delete(destination)) await rm(outside(destination, path));
        }
      },
      filesOn: (one, guestIsHere) =>
        local.flatMap(({ path, keptOn }) => (guestIsHere || keptOn.has(one) ? [path] : [])),
      problems: async (here, other) => [
        ...(await Promise.all(local.map((disk) => contentProblems(disk, here)))).flat(),
        ...(await Promise.all(servers.map((server) => connectionProblems(server, here, other)))).flat(),
      ],
      [Symbol.asyncDispose]: () => made.disposeAsync(),
    };
  } catch (error) {
    await made.disposeAsync();
    throw error;
  }
}

async function contentProblems({ target, path, format, reference }: LocalDisk, host: LabHost): Promise<string[]> {
  if (!existsSync(outside(host, path))) return [`${target} has no file on ${host.name}`];
  const args = ["compare", "-U", "-f", "raw", "-F", format, reference, outside(host, path)];
  return await runCommand("qemu-img", args).then(
    () => [],
    () => [`${target} on ${host.name} holds something else`],
  );
}

/** A volume has to be connected where the guest is, and nowhere else. */
async function connectionProblems({ address, port }: RealService, host: LabHost, other: LabHost): Promise<string[]> {
  const connected = async () => {
    const query = [
      "--no-header",
      "--tcp",
      "--numeric",
      "state",
      "established",
      `( src ${address} and sport = :${port} )`,
    ];
    const { stdout } = await runCommand("ss", query);
    return [host, other].filter(({ managementAddress }) => stdout.includes(` ${managementAddress}:`));
  };
  const isRight = ([only, more]: readonly LabHost[]) => only === host && more === undefined;
  // A server learns of the end of a connection in its own time.
  const found = await waitFor("the volume to be connected once", async () => isRight(await connected()), {
    deadlineMs: 3_000,
  }).catch(() => false);
  if (found) return [];
  const names = (await connected()).map(({ name }) => name).join(" and ");
  return [`the volume at port ${port} is connected to ${names || "no host"}, not to ${host.name} alone`];
}

function diskXml(type: "file" | "network", format: string, source: string, target: string, more = ""): string {
  return `<disk type='${type}' device='disk'><driver name='qemu' type='${format}' cache='none'/>${source}
    <target dev='${target}' bus='virtio'/>${more}</disk>`;
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
