import { createHash } from "node:crypto";

/** The same UUID for the same parts, always: for what Nova gives a uuid and Drover a number. In the form of RFC 9562's version 8. */
export function derivedUuid(...parts: readonly string[]): string {
  const hex = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
