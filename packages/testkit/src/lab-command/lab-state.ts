import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProcessIdentity } from "../process/process-identity.ts";

/** What is remembered of a lab that outlives the command that started it. Holds passwords: readable by its owner alone. */
export interface LabState {
  /** True once everything stands. */
  readonly complete: boolean;
  readonly startedAt: string;
  /** Drover's API, if Drover was started. */
  readonly url?: string;
  /** Its administrator's token. */
  readonly token?: string;
  readonly folders: readonly string[];
  readonly hosts: readonly { readonly name: string; readonly uri: string; readonly tcpUri: string }[];
  readonly guests: readonly { readonly name: string; readonly uuid: string; readonly about: string }[];
  readonly processes: readonly RememberedProcess[];
}

/** A process of the lab. */
export interface RememberedProcess {
  readonly label: string;
  readonly identity: ProcessIdentity;
  /** The URL that clients use, or where the process tells its health. */
  readonly url: string;
  readonly logFile: string;
  /** Whether `down` asks it to end before everything is killed. */
  readonly endsInOrder: boolean;
}

/** Where a checkout's lab is remembered, and by which name its parts are known. */
export interface LabPlace {
  readonly folder: string;
  readonly group: string;
}

/** The place of the lab of the checkout at `root`: one lab per checkout. */
export function labPlace(root: string): LabPlace {
  const folder = join(root, ".drover", "lab");
  return { folder, group: `lab-command ${folder}` };
}

/** What is remembered, or `undefined` if there is no lab. */
export async function readLabState({ folder }: LabPlace): Promise<LabState | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, "state.json"), "utf8")) as LabState;
  } catch {
    return undefined;
  }
}

/** Remembers; the file is replaced as a whole. */
export async function writeLabState({ folder }: LabPlace, state: LabState): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, "state.json.new"), `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  await rename(join(folder, "state.json.new"), join(folder, "state.json"));
}

/** Forgets. */
export async function removeLabState({ folder }: LabPlace): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
