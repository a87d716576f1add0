import { cp, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ChaosPlane } from "../chaos/lab/chaos-plane.ts";

/** Copies what Drover's processes, libvirtd, QEMU and the guests have written so far. */
export async function keepLogs({ plane }: ChaosPlane, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { logFile } of plane.drover.processes) await cp(logFile, join(folder, basename(logFile)));
  for (const { name, folders } of plane.lab.hosts) {
    await cp(join(folders.root, "libvirtd.log"), join(folder, name, "libvirtd.log"));
    await cp(folders.log, join(folder, name), { recursive: true });
  }
}
