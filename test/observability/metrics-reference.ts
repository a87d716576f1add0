import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The metrics of docs/metrics.md: each name's kind and labels. */
export function documentedMetrics(): ReadonlyMap<
  string,
  { readonly kind: string; readonly labels: readonly string[] }
> {
  const page = readFileSync(join(ROOT, "docs/metrics.md"), "utf8");
  const rows = page.matchAll(/^\| `(drover_\w+)` \| (\w+) \| ([^|]*) \|/gm);
  return new Map(
    [...rows].map(([, name = "", kind = "", labels = ""]) => [
      name,
      { kind, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label) },
    ]),
  );
}
