import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../cache-folder.ts";
import { compiledProgram } from "../process/compiled-program.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { type CpioEntry, cpioArchive } from "./cpio-archive.ts";
import { extractKernel } from "./uncompressed-kernel.ts";

/** The files a lab guest boots from. */
export interface GuestImage {
  readonly kernelPath: string;
  readonly initramfsPath: string;
}

const PROGRAM_FOLDER = fileURLToPath(new URL("../../guest-program/", import.meta.url));

/** In the order in which they must be loaded. Loaded only by guests with disks or networks: it takes them a second. */
const KERNEL_MODULES = [
  "drivers/virtio/virtio_ring.ko",
  // Depends on the one before it since Debian's 6.1.192.
  "drivers/virtio/virtio.ko",
  "drivers/virtio/virtio_pci_modern_dev.ko",
  "drivers/virtio/virtio_pci_legacy_dev.ko",
  "drivers/virtio/virtio_pci.ko",
  "drivers/block/virtio_blk.ko",
  "net/core/failover.ko",
  "drivers/net/net_failover.ko",
  "drivers/net/virtio_net.ko",
];

/** Changed when this file puts other things into the image, so that cached ones are not used. */
const RECIPE = "3";

/**
 * The guest image, made on first use: Debian's kernel for clouds, downloaded and unpacked but not installed, with a root
 * file system of busybox and `guest-program/dirty-memory.c`. Kept in {@link cacheFolder} under a hash of what goes in,
 * so a changed program makes a new one. Several processes may ask at once.
 *
 * Needs Debian, `busybox-static`, `gcc`, `libc6-dev` and `lz4`; and the network, once.
 *
 * @throws {TestkitError} with what the failing tool said.
 */
export async function guestImage(): Promise<GuestImage> {
  const [program, init] = await Promise.all(
    ["dirty-memory.c", "init"].map((name) => readFile(join(PROGRAM_FOLDER, name), "utf8")),
  );
  const hash = createHash("sha256").update([RECIPE, process.arch, program, init].join("\0")).digest("hex").slice(0, 16);
  const folder = join(cacheFolder(), `guest-${hash}`);
  const image = { kernelPath: join(folder, "kernel"), initramfsPath: join(folder, "initramfs.cpio") };
  if (existsSync(folder)) return image;

  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(join(cacheFolder(), "making-guest-"));
  try {
    const finished = join(work, "finished");
    await mkdir(finished);
    const kernel = await kernelPackage(join(work, "kernel"));
    const binary = await compiledProgram(join(PROGRAM_FOLDER, "dirty-memory.c"));
    const kernelPath = join(finished, "kernel");
    if (!(await extractKernel(kernel.vmlinuzPath, kernelPath))) await copyFile(kernel.vmlinuzPath, kernelPath);
    const entries = await rootFileSystem({ binary, init: init ?? "", modulesPath: kernel.modulesPath });
    await writeFile(join(finished, "initramfs.cpio"), cpioArchive(entries));
    await rename(finished, folder).catch((error: NodeJS.ErrnoException) => {
      // Another process was quicker; its image is as good.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return image;
  } catch (cause) {
    throw new TestkitError("could not make the image for lab guests", { cause });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function kernelPackage(folder: string): Promise<{ vmlinuzPath: string; modulesPath: string }> {
  const architecture = "amd64";
  const name = await newestKernelName(architecture);
  await mkdir(join(folder, "root"), { recursive: true });
  await runCommand("apt-get", ["download", name], { cwd: folder, deadlineMs: 300_000 });
  const file = (await readdir(folder)).find((entry) => entry.endsWith(".deb"));
  if (file === undefined) throw new TestkitError(`apt-get download ${name} left no file`);
  await runCommand("dpkg", ["-x", file, "root"], { cwd: folder });
  const version = name.replace(/^linux-image-/, "").replace(/-unsigned$/, "");
  return {
    vmlinuzPath: join(folder, "root/boot", `vmlinuz-${version}`),
    modulesPath: join(folder, "root/lib/modules", version, "kernel"),
  };
}

/** What the meta package depends on; the package lists are fetched only if they are missing. */
async function newestKernelName(architecture: string): Promise<string> {
  const meta = `linux-image-cloud-${architecture}`;
  const look = async () => {
    const { stdout } = await runCommand("apt-cache", ["depends", meta]).catch(() => ({ stdout: "" }));
    return /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  };
  const known = await look();
  if (known !== undefined) return known;
  await runCommand("apt-get", ["update"], { deadlineMs: 300_000 });
  const found = await look();
  if (found === undefined) throw new TestkitError(`apt knows no package ${meta}`);
  return found;
}

async function rootFileSystem(parts: { binary: string; init: string; modulesPath: string }): Promise<CpioEntry[]> {
  const folder = (path: string): CpioEntry => ({ path, mode: 0o040755 });
  const program = async (path: string, file: string): Promise<CpioEntry> => ({
    path,
    mode: 0o100755,
    content: await readFile(file),
  });
  // Newer Debian kernels have compressed modules; busybox cannot load those, and only guests with disks need them.
  const present = KERNEL_MODULES.filter((module) => existsSync(join(parts.modulesPath, module)));
  const nameOf = (module: string) => module.slice(module.lastIndexOf("/") + 1);
  const modules = present.map((module) => program(`modules/${nameOf(module)}`, join(parts.modulesPath, module)));
  return [
    ...["dev", "proc", "sys", "bin", "modules"].map(folder),
    // The kernel opens it for the first process before anything could be mounted.
    { path: "dev/console", mode: 0o020600, device: [5, 1] },
    { path: "init", mode: 0o100755, content: Buffer.from(parts.init) },
    await program("bin/busybox", "/bin/busybox"),
    await program("bin/dirty-memory", parts.binary),
    { path: "modules/order", mode: 0o100644, content: Buffer.from(`${present.map(nameOf).join("\n")}\n`) },
    ...(await Promise.all(modules)),
  ];
}
