import { homedir } from "node:os";
import { join } from "node:path";

/** Folder for what is expensive to make: `DROVER_CACHE_DIR`, or `~/.cache/drover`. */
export function cacheFolder(): string {
  return process.env.DROVER_CACHE_DIR ?? join(homedir(), ".cache", "drover");
}
