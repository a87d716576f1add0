import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type StandaloneFolders,
  type StandaloneProcess,
  standaloneFolders,
} from "../integration/standalone-process.ts";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { documentedMetrics } from "./metrics-reference.ts";

describe("the metrics of a Drover that moves guests", () => {
  let folders: StandaloneFolders;
  let drover: StandaloneProcess;
  beforeAll(async () => {
    folders = await standaloneFolders({ DROVER_LOG_LEVEL: "info" });
    drover = await folders.start();
  });
  afterAll(async () => {
    await folders[Symbol.asyncDispose]();
  });

  async function scrape(): Promise<Scrape> {
    const address = /"health":"(http:[^"]+)"/.exec(drover.output())?.[1];
    const answer = await fetch(`${address}/metrics`);
    expect(answer.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    return parse(await answer.text());
  }

  it("are those of docs/metrics.md, name by name and label by label", async () => {
    const { client } = drover;
    const { migration } = await client.migrate("cache", { host: "alpha" });
    await untilMigration(client, migration.id, "watched", isWatched);
    const during = await scrape();
    await client.abort(migration.id);
    await untilMigration(client, migration.id, "over", isOver);

    const documented = documentedMetrics();
    expect([...during.kinds].sort()).toEqual([...documented].map(([name, { kind }]) => [name, kind]).sort());
    for (const { name, labels } of during.samples) {
      const known = documented.get(name)?.labels ?? [];
      for (const label of Object.keys(labels)) expect(["service", "le", ...known], name).toContain(label);
    }
  });

  it("show a copy while it runs, and count it when it is over", async () => {
    const { client } = drover;
    const { migration } = await client.migrate("web-1", { host: "beta" });
    await untilMigration(client, migration.id, "watched", isWatched);
    const during = await scrape();
    const copy = { migration: migration.uuid, server: "web-1", source: "alpha", destination: "beta", of: "memory" };
    expect(during.value("drover_migration_data_total_bytes", copy)).toBeGreaterThan(0);
    expect(during.value("drover_migration_memory_transfer_rate_bytes", { server: "web-1" })).toBeGreaterThan(0);
    expect(during.value("drover_migrations", { state: "running" })).toBe(1);
    expect(during.value("drover_agents", { status: "up" })).toBe(3);
    expect(during.value("drover_agent_last_seen_age_seconds", { host: "gamma" })).toBeLessThan(60);
    expect(during.value("drover_dependency_up", { dependency: "store" })).toBe(1);

    await untilMigration(client, migration.id, "over", isOver);
    const after = await scrape();
    expect(after.samples.filter(({ labels }) => labels.migration === migration.uuid)).toEqual([]);
    expect(after.value("drover_migrations", { state: "running" })).toBe(0);
    const ended = { kind: "live", outcome: "completed", reason: "none" };
    expect(after.value("drover_migration_outcomes_total", ended)).toBe(1);
    expect(after.value("drover_migration_downtime_seconds_count", { kind: "live" })).toBe(1);
    expect(after.value("drover_migration_transferred_bytes_sum", { of: "memory" })).toBeGreaterThan(0);
    expect(
      after.value("drover_migration_state_transition_time_from_creation_seconds_count", { state: "preparing" }),
    ).toBeGreaterThan(0);
    expect(after.value("drover_rpc_call_seconds_count", { method: "live_migrate_instance" })).toBeGreaterThan(0);
    expect(after.value("drover_rpc_request_seconds_count", { method: "pre_live_migration" })).toBeGreaterThan(0);
    expect(after.value("drover_http_request_seconds_count", { method: "GET", status: "200" })).toBeGreaterThan(0);
    expect(after.value("drover_progress_flush_age_seconds", {})).toBeLessThan(30);
  });
});

interface Sample {
  /** Of the metric: without `_bucket`, `_sum` and `_count` where it is a histogram. */
  readonly name: string;
  readonly series: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Scrape {
  /** Of Drover's own metrics, by name. */
  readonly kinds: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
  /** Of the first series that has these labels. */
  value(series: string, labels: Readonly<Record<string, string>>): number | undefined;
}

function parse(text: string): Scrape {
  const kinds = new Map(
    [...text.matchAll(/^# TYPE (drover_\w+) (\w+)$/gm)].map(([, name = "", kind = ""]) => [name, kind]),
  );
  const samples = [...text.matchAll(/^(drover_\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, series = "", labels, value]) => ({
    name: kinds.has(series) ? series : series.replace(/_(bucket|sum|count)$/, ""),
    series,
    labels: Object.fromEntries(
      [...(labels ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", is = ""]) => [key, is]),
    ),
    value: Number(value),
  }));
  return {
    kinds,
    samples,
    value: (series, labels) =>
      samples.find((sample) => {
        return sample.series === series && Object.entries(labels).every(([key, is]) => sample.labels[key] === is);
      })?.value,
  };
}
