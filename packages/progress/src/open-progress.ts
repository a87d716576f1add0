import type { Clock, Logger } from "@drover/model";
import { openMemoryProgress } from "./open-memory-progress.ts";
import { openRedisProgress } from "./open-redis-progress.ts";
import type { ProgressCache } from "./progress-cache.ts";

/** Which driver, and what it needs: `[progress]` of the configuration. */
export interface ProgressSettings {
  readonly driver: "memory" | "redis";
  /** Used by the driver `redis`. */
  readonly url: string;
}

/** Opens the configured driver; a Redis that is away is no failure, see {@link openRedisProgress}. */
export async function openProgress(
  settings: ProgressSettings,
  process: { readonly logger: Logger; readonly clock: Clock },
): Promise<ProgressCache> {
  return settings.driver === "memory"
    ? openMemoryProgress(process)
    : await openRedisProgress({ url: settings.url, logger: process.logger });
}
