import { readFileSync } from "node:fs";
import type { Metrics } from "./metrics.ts";
import type { Readiness } from "./readiness.ts";

/** What every process tells of itself: its version, and which of the things that it needs answer. */
export function processMetrics(metrics: Metrics, readiness: Pick<Readiness, "report">): void {
  metrics
    .gauge({ name: "drover_build_info", help: "Always 1; its label is what it tells.", labels: ["version"] })
    .set({ version: ownVersion() }, 1);
  const up = metrics.gauge({
    name: "drover_dependency_up",
    help: "1 while what the process needs (bus, store, progress, libvirtd) answers, 0 while it does not.",
    labels: ["dependency"],
  });
  metrics.onScrape(async () => {
    for (const { name, ready } of await readiness.report()) up.set({ dependency: name }, ready ? 1 : 0);
  });
}

/** All packages of a release have the same. */
function ownVersion(): string {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}
