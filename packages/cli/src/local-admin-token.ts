import { readFileSync } from "node:fs";
import { defaultDataDir, localAdminPath } from "@drover/service-kit/data-dir";
import { isLoopback } from "@drover/service-kit/network-list";
import type { CliIo } from "./cli-io.ts";

/**
 * The token that `drover up` leaves in its data directory for whoever owns that; only for an API on this machine, so that
 * it never goes over a network. Undefined when there is none, or when it is somebody else's.
 */
export function localAdminToken(url: string, env: CliIo["env"]): string | undefined {
  if (!URL.canParse(url) || !isLoopback(new URL(url).hostname)) return undefined;
  try {
    const text = readFileSync(localAdminPath(env.DROVER_DATA_DIR || defaultDataDir(env)), "utf8").trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
