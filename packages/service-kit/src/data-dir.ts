/** Apart from the rest, and small: the `drover` command loads it for every invocation. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder for everything that outlives the process on this machine, where neither file nor environment names one. */
export function defaultDataDir(env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "drover");
}

/** Where a standalone Drover keeps the token by which its owner is its administrator. */
export function localAdminPath(dataDir: string): string {
  return join(dataDir, "local-admin.token");
}
