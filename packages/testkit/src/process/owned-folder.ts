import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { killProcessesWithMount, processesWithMount } from "./mount-marker.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
import { killTree } from "./process-tree.ts";
import { runCommand } from "./run-command.ts";
import { startWarden } from "./warden.ts";

const PREFIX = "drover-testkit-";
const RECORD = "owner.json";

/** What a folder's record says: who owns it and what must be stopped. */
interface FolderRecord {
  /** `null` if it is to outlive the process that made it. */
  readonly owner: ProcessIdentity | null;
  /** Given if it is to outlive that process: what it can be found by. */
  readonly group?: string;
  /** Processes to end, the last started first. */
  readonly processes: readonly ProcessIdentity[];
  /** Network interfaces of the root namespace that go with the folder. */
  readonly links: readonly string[];
}

/**
 * A folder under the temporary directory, with a record of everything that was started for it, written before the thing
 * is used. Whatever happens to this process, the record tells how to leave nothing behind: a warden reads it when this
 * process dies, and {@link cleanUpAbandoned} when that failed too.
 */
export interface OwnedFolder {
  readonly path: string;
  addProcess(identity: ProcessIdentity): void;
  removeProcess(identity: ProcessIdentity): void;
  addLink(link: string): void;
  /** Stops everything and removes the folder. May be called again. */
  remove(): Promise<void>;
}

/** Settings of {@link createOwnedFolder}. */
export interface OwnedFolderOptions {
  /** Part of the folder's name: "lab", "redis". */
  readonly kind: string;
  /** Let what is started outlive this process, until {@link stopGroup} is called with this name. @default none */
  readonly group?: string;
}

/** Makes a folder with a unique name, readable by its owner alone. Abandoned ones of the kind are cleaned up first. */
export async function createOwnedFolder({ kind, group }: OwnedFolderOptions): Promise<OwnedFolder> {
  await cleanUpAbandoned(kind);
  const path = await mkdtemp(join(tmpdir(), `${PREFIX}${kind}-`));
  let record: FolderRecord = {
    owner: group === undefined ? (identifyProcess(process.pid) ?? null) : null,
    group,
    processes: [],
    links: [],
  };
  const write = (next: FolderRecord) => {
    record = next;
    // After its removal there is nothing left to record.
    if (!existsSync(path)) return;
    // Renamed into place: whoever cleans up never sees half a record.
    writeFileSync(join(path, `${RECORD}.new`), JSON.stringify(record), { mode: 0o600 });
    renameSync(join(path, `${RECORD}.new`), join(path, RECORD));
  };
  write(record);
  const dismissWarden = group === undefined ? startWarden(path) : () => undefined;
  return {
    path,
    addProcess: (identity) => write({ ...record, processes: [...record.processes, identity] }),
    removeProcess: (identity) =>
      write({ ...record, processes: record.processes.filter(({ pid }) => pid !== identity.pid) }),
    addLink: (link) => write({ ...record, links: [...record.links, link] }),
    remove: async () => {
      await cleanUpFolder(path);
      dismissWarden();
    },
  };
}

function readRecord(path: string): FolderRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(path, RECORD), "utf8")) as FolderRecord;
  } catch {
    return undefined;
  }
}

/** True if the folder is of this package's making and has not been cleaned up. */
export function isOwnedFolder(path: string): boolean {
  return basename(path).startsWith(PREFIX) && readRecord(path) !== undefined;
}

/** What of a folder's things still exists: a sentence for each. Empty means that nothing does. */
export function leftoversOf(path: string): string[] {
  const marked = processesWithMount(basename(path)).map((pid) => `process ${pid} in a namespace of ${path}`);
  const record = readRecord(path);
  const running = (record?.processes ?? [])
    .filter((identity) => isRunning(identity))
    .map(({ pid }) => `process ${pid} started for ${path}`);
  const links = (record?.links ?? [])
    .filter((link) => existsSync(`/sys/class/net/${link}`))
    .map((link) => `network interface ${link} of ${path}`);
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(`/${basename(path)}`))
    .map((line) => `mount ${line.split(" ")[4] ?? "?"} of ${path}`);
  return [...marked, ...running, ...links, ...mounts];
}

/**
 * Stops what a folder's record lists and removes the folder. Repeating it, or doing it twice at once, is harmless; a
 * folder that is gone is left alone.
 *
 * @throws {TestkitError} if something cannot be stopped; the folder is kept then.
 */
export async function cleanUpFolder(path: string): Promise<void> {
  if (!basename(path).startsWith(PREFIX)) {
    throw new TestkitError(`${path} was not made by the test kit and is not cleaned up`);
  }
  const record = readRecord(path);
  // Killed, not asked: what is in the folder goes with it, and asking a database or a broker takes it seconds.
  for (const identity of [...(record?.processes ?? [])].reverse()) await killTree(identity);
  await killProcessesWithMount(basename(path));
  for (const link of record?.links ?? []) {
    // It goes with its other end's namespace, which the kernel removes in its own time: this is only quicker.
    await runCommand("ip", ["link", "delete", link]).catch(() => undefined);
    await waitFor(`network interface ${link} to go`, () => !existsSync(`/sys/class/net/${link}`), {
      deadlineMs: 30_000,
    });
  }
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Cleans up the folders of `kind` whose owner has ended. Folders that were to outlive their owner are left alone. */
export async function cleanUpAbandoned(kind: string): Promise<void> {
  for (const folder of foldersNamed(`${PREFIX}${kind}-`)) {
    const owner = readRecord(folder)?.owner;
    if (owner !== undefined && owner !== null && !isRunning(owner)) await cleanUpFolder(folder);
  }
}

/** The folders that were made for a group. */
export function foldersOfGroup(group: string): string[] {
  return foldersNamed(PREFIX).filter((folder) => readRecord(folder)?.group === group);
}

/**
 * Stops everything that was started for a group, and removes its folders. A group of which nothing is left is fine.
 *
 * @throws {TestkitError} if something cannot be stopped.
 */
export async function stopGroup(group: string): Promise<void> {
  for (const folder of foldersOfGroup(group)) await cleanUpFolder(folder);
}

function foldersNamed(prefix: string): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(tmpdir(), name));
}
