/** What a migration could leave behind on a host, looked at before and after it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabHost } from "@drover/testkit";

/** All that a host has of each kind. What belongs to the guest that moves is told apart by its name. */
export interface Holdings {
  /** Domains, running or not. */
  readonly definitions: readonly string[];
  /** Pools, active or not, and the volumes in them. */
  readonly pools: readonly string[];
  /** Everything below libvirt's own folders: disks, sockets, state of guests and pools, definitions. */
  readonly files: readonly string[];
  /** Addresses at which something listens. */
  readonly ports: readonly string[];
  /** What the agent has on its disk: its files, and in its journal what it prepared for guests that never came. */
  readonly agent: readonly string[];
}

const FOLDERS = ["/var/lib/libvirt", "/run/libvirt", "/etc/libvirt"];

/** @param agentFolder Where the host's agent has its state, seen from outside. */
export async function holdings(host: LabHost, agentFolder: string): Promise<Holdings> {
  const [guests, pools, files, ports] = await Promise.all([
    host.virsh("list", "--all", "--name"),
    host.virsh("pool-list", "--all", "--name"),
    host.exec("find", [...FOLDERS, "-not", "-type", "d"]),
    host.exec("ss", ["--no-header", "--listening", "--tcp", "--numeric"]),
  ]);
  const volumes = await Promise.all(
    words(pools).map(async (pool) => `${pool}: ${await host.virsh("vol-list", pool).catch(() => "inactive")}`),
  );
  return {
    definitions: words(guests).sort(),
    pools: volumes.sort(),
    files: words(files.stdout).sort(),
    ports: ports.stdout
      .split("\n")
      .flatMap((line) => line.trim().split(/\s+/)[3] ?? [])
      .sort(),
    agent: agentState(host, agentFolder),
  };
}

/**
 * Each difference between two looks at a host that is not the guest's own moving, as a sentence.
 *
 * @param isHere Whether the guest has to be on the host now.
 * @param files Of the guest's disks, those that have to be on the host now.
 */
export function leaks(
  host: Pick<LabHost, "name">,
  { guest, isHere, files }: { readonly guest: string; readonly isHere: boolean; readonly files: readonly string[] },
  before: Holdings,
  after: Holdings,
): string[] {
  const others = (things: readonly string[]) => things.filter((thing) => !isOf(guest, thing));
  // libvirt has files of its own for a guest that runs.
  const seen = { ...after, files: after.files.filter((file) => !isHere || !isOf(guest, file) || isDisk(file)) };
  const should: Holdings = {
    definitions: [...others(before.definitions), ...(isHere ? [guest] : [])],
    pools: before.pools,
    files: [...others(before.files), ...files],
    ports: before.ports,
    agent: before.agent,
  };
  return (Object.keys(should) as (keyof Holdings)[]).flatMap((kind) => {
    const extra = without(seen[kind], should[kind]).map((thing) => `${host.name} has more ${kind}: ${thing}`);
    const gone = without(should[kind], seen[kind]).map((thing) => `${host.name} has lost of its ${kind}: ${thing}`);
    return [...extra, ...gone];
  });
}

/** What QEMU may still offer or do with the guest's disks once a migration is over. */
export async function openInQemu(host: LabHost, guest: string): Promise<string[]> {
  const problems: string[] = [];
  for (const query of ["query-block-exports", "query-block-jobs"]) {
    const answer = await host.virsh("qemu-monitor-command", guest, JSON.stringify({ execute: query }));
    const { return: found } = JSON.parse(answer) as { readonly return: readonly unknown[] };
    if (found.length > 0) problems.push(`QEMU on ${host.name} has ${JSON.stringify(found)} by ${query}`);
  }
  return problems;
}

/** Process ids of the QEMUs that a guest has on this machine, whether libvirt knows of them or not. */
export function qemusOf(guest: string): readonly number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(`\0guest=${guest},`) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function agentState({ name }: LabHost, folder: string): readonly string[] {
  const [journal, ...others] = readdirSync(folder)
    .filter((file) => file.startsWith(`compute-${name}.json`))
    .sort();
  // None before the first migration.
  if (journal === undefined) return [];
  const content: { readonly prepared: readonly unknown[] } = JSON.parse(readFileSync(join(folder, journal), "utf8"));
  return [...others, ...content.prepared.map((entry) => `prepared: ${JSON.stringify(entry)}`)];
}

function isOf(guest: string, thing: string): boolean {
  return thing
    .split(/[/.]/)
    .some((part) => part === guest || part.startsWith(`${guest}-`) || part.endsWith(`-${guest}`));
}

function isDisk(path: string): boolean {
  return path.startsWith("/var/lib/libvirt/images/");
}

function without(things: readonly string[], others: readonly string[]): readonly string[] {
  return things.filter((thing) => !others.includes(thing));
}

function words(text: string): string[] {
  return text.split("\n").flatMap((line) => line.trim() || []);
}
