import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documentedMetrics, ROOT } from "./metrics-reference.ts";

const HISTOGRAM_SERIES = ["_bucket", "_sum", "_count"];

describe.each(["docker/grafana/drover.json", "docker/prometheus/drover-alerts.yml"])("%s", (path) => {
  const text = readFileSync(join(ROOT, path), "utf8");

  it("uses metrics that there are, by labels that they have", () => {
    const documented = documentedMetrics();
    const used = [...text.matchAll(/\b(drover_\w+)(?:\{([^}]*)\})?/g)];
    expect(used.length).toBeGreaterThan(10);
    for (const [, series = "", selector = ""] of used) {
      const suffix = HISTOGRAM_SERIES.find((ending) => series.endsWith(ending) && !documented.has(series)) ?? "";
      const metric = documented.get(series.slice(0, series.length - suffix.length));
      expect(metric, series).toBeDefined();
      expect(suffix === "" || metric?.kind === "histogram", series).toBe(true);
      for (const [, label = ""] of selector.matchAll(/(\w+)=/g)) expect(metric?.labels, series).toContain(label);
    }
  });
});

it("the dashboard's panels do not lie over each other, and each has something to show", () => {
  const { panels }: Dashboard = JSON.parse(readFileSync(join(ROOT, "docker/grafana/drover.json"), "utf8"));
  const taken = new Set<string>();
  for (const { type, title, gridPos, targets = [] } of panels) {
    if (type !== "row") expect(targets.length, title).toBeGreaterThan(0);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.has(`${x},${y}`), `${title} at ${x},${y}`).toBe(false);
        taken.add(`${x},${y}`);
      }
    }
    expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
  }
});

interface Dashboard {
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}
