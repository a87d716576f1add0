import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DroverError, errorChain } from "@drover/model";
import { z } from "zod";
import { type JournalContent, journalContent } from "./journal-entry.ts";

/** Larger than any file that the bounds of the journal allow; a larger one is not ours. */
const SIZE_LIMIT_BYTES = 16 * 1024 * 1024;

const EMPTY: JournalContent = {
  version: 1,
  migrations: [],
  prepared: [],
  brought: [],
  proofs: [],
  pools: [],
  recordsSeenAtMs: 0,
};

/** Where the agent's state is kept: a file on disk, or what stands for one in a simulation. */
export interface StateFile {
  /** Names it in messages. */
  readonly path: string;
  /** The whole content; undefined when nothing was written yet. */
  read(): Promise<string | undefined>;
  /** Replaces the whole content: after a crash at any moment either the old or the new one is there. */
  replace(text: string): Promise<void>;
}

/** The state file on this machine's disk. */
export function stateFileOnDisk(path: string): StateFile {
  return { path, read: () => readIfThere(path), replace: (text) => replaceDurably(path, text) };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > SIZE_LIMIT_BYTES) throw new RangeError(`it is ${size} bytes long, more than ${SIZE_LIMIT_BYTES}`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Reads the agent's state file; a missing one is empty.
 *
 * @throws {DroverError} `bad-request` when it cannot be read as ours: starting without it would leave migrations under
 *   way without their policy, so a person decides.
 */
export async function readStateFile(file: StateFile): Promise<JournalContent> {
  const { path } = file;
  try {
    const text = await file.read();
    return text === undefined ? EMPTY : journalContent.parse(JSON.parse(text));
  } catch (error) {
    throw new DroverError(
      "bad-request",
      `reading the agent's state file ${path} (state_path in [compute]): restore it, or move it away; migrations ` +
        "under way are then found only by asking both hosts",
      { cause: new Error(inOneLine(error)), details: { path } },
    );
  }
}

/** An operator reads this in a log: zod's own message is a dump of many lines, and V8's quotes the file. */
function inOneLine(error: unknown): string {
  if (!(error instanceof z.ZodError)) return errorChain(error).replaceAll(/\s+/g, " ");
  const [first, ...others] = error.issues;
  if (first === undefined) return "it is not in the form of a state file";
  const more = others.length === 0 ? "" : `, and ${others.length} more such problems`;
  return `${first.path.join(".") || "its content"}: ${first.message}${more}`;
}

/**
 * Replaces the file as a whole: after a crash on any line either the old or the new content is there. On return it is
 * on disk, not in a cache. Readable for its owner alone.
 */
export async function writeStateFile(file: StateFile, content: JournalContent): Promise<void> {
  const { path } = file;
  try {
    await file.replace(JSON.stringify(content));
  } catch (error) {
    throw new DroverError("unavailable", `writing the agent's state file ${path} (state_path in [compute])`, {
      cause: error,
      details: { path },
    });
  }
}

async function replaceDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const temporary = `${path}.new`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(temporary, text);
  await rename(temporary, path);
  // The rename itself is durable only once the folder is.
  await syncFolder(folder);
}

async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}
