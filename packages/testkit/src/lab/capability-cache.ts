import { randomUUID } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";

/*
 * libvirt starts QEMU several times to learn what it can do and keeps the answer in its cache folder, with what makes it
 * outdated: the versions and times of libvirt, QEMU, kernel and microcode. So a copy handed to a new host is safe; libvirt
 * asks again if it no longer fits.
 */

const IN_HOST = "qemu/capabilities";
const SAVED = "libvirt-capabilities";

/** Gives a host's libvirt cache folder what an earlier lab learnt about QEMU, if there is anything. */
export async function loadCapabilities(hostCache: string): Promise<void> {
  const saved = join(cacheFolder(), SAVED);
  const files = await contentsOf(saved);
  if (files.size === 0) return;
  await cp(saved, join(hostCache, IN_HOST), { recursive: true });
}

/** Keeps for later labs what a host's libvirt knows about QEMU, if that is news. */
export async function saveCapabilities(hostCache: string): Promise<void> {
  const saved = join(cacheFolder(), SAVED);
  const [known, learnt] = await Promise.all([contentsOf(saved), contentsOf(join(hostCache, IN_HOST))]);
  const isNews = [...learnt].some(([name, content]) => known.get(name) !== content);
  if (!isNews) return;
  await mkdir(cacheFolder(), { recursive: true });
  const fresh = join(cacheFolder(), `${SAVED}-${randomUUID()}`);
  await cp(join(hostCache, IN_HOST), fresh, { recursive: true });
  await rm(saved, { recursive: true, force: true });
  // Another lab that starts at this moment may have put its own copy there: that one is as good.
  await rename(fresh, saved).catch(() => rm(fresh, { recursive: true, force: true }));
}

async function contentsOf(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), "utf8").catch(() => "")] as const),
  );
  return new Map(files);
}
