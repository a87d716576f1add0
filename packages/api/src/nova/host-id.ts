import { createHash } from "node:crypto";

/** Nova's `hostId`: tells hosts apart without naming them, differently to each project. Empty for no host. */
export function hostIdFor(projectId: string, host: string | null): string {
  return host === null ? "" : createHash("sha224").update(`${projectId}${host}`).digest("hex");
}
