import { access, readFile } from "node:fs/promises";

/** Files of the agent's host: configuration and certificates. */
export interface HostFiles {
  /** Rejects with the system's `code` when it cannot be read. */
  read(path: string): Promise<string>;
  exists(path: string): Promise<boolean>;
}

export const machineFiles: HostFiles = {
  read: (path) => readFile(path, "utf8"),
  exists: async (path) => {
    try {
      await access(path);
      return true;
    } catch {
      return false;
    }
  },
};

/** Of hosts that are simulated: they have no files. */
export const noFiles: HostFiles = {
  read: (path) => Promise.reject(Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" })),
  exists: async () => false,
};

/** The text of a file, or null when there is none. Rejects when it is there and may not be read. */
export async function readIfThere(files: HostFiles, path: string): Promise<string | null> {
  try {
    return await files.read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
