import { readFileSync } from "node:fs";
import { type Clock, DroverError, type Logger } from "@drover/model";
import { openMemoryProgress } from "./open-memory-progress.ts";
import { openRedisProgress } from "./open-redis-progress.ts";
import type { ProgressCache } from "./progress-cache.ts";

/** Which driver, and what it needs: `[progress]` of the configuration. */
export interface ProgressSettings {
  readonly driver: "memory" | "redis";
  /** Used by the driver `redis`; some nodes of a cluster, separated by commas. */
  readonly url: string;
  readonly cluster: boolean;
  /** PEM file of the CA that signed Redis's certificate; null trusts those of the system. */
  readonly tls_ca_path: string | null;
}

/**
 * Opens the configured driver; a Redis that is away is no failure, see {@link openRedisProgress}.
 *
 * @throws {DroverError} `bad-request` naming the key for a file that cannot be read, or a URL that cannot be meant
 */
export async function openProgress(
  settings: ProgressSettings,
  process: { readonly logger: Logger; readonly clock: Clock },
): Promise<ProgressCache> {
  const { driver, url, cluster, tls_ca_path } = settings;
  return driver === "memory"
    ? openMemoryProgress(process)
    : await openRedisProgress({ url, cluster, logger: process.logger, ...readCa(tls_ca_path) });
}

function readCa(path: string | null): { readonly ca?: Buffer } {
  if (path === null) return {};
  try {
    return { ca: readFileSync(path) };
  } catch (cause) {
    throw new DroverError("bad-request", `progress.tls_ca_path: ${path} cannot be read`, {
      cause,
      details: { key: "progress.tls_ca_path", path },
    });
  }
}
