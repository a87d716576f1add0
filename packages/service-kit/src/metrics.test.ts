import { expect, it, vi } from "vitest";
import { unscrapedMetrics } from "./metrics.ts";

it("gauges are read anew at each scrape", async () => {
  const metrics = unscrapedMetrics();
  const gauge = metrics.gauge({ name: "drover_test", help: "Grows." });
  metrics.onScrape(async () => gauge.inc());
  expect(await metrics.text()).toContain("drover_test 1");
  expect(await metrics.text()).toContain("drover_test 2");
});

it("a scrape neither fails nor waits for what cannot be read", async () => {
  vi.useFakeTimers();
  try {
    const metrics = unscrapedMetrics();
    metrics.counter({ name: "drover_test_total", help: "Counts." }).inc();
    metrics.onScrape(() => Promise.reject(new Error("the store is away")));
    metrics.onScrape(() => new Promise(() => {}));
    const text = metrics.text();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await text).toContain("drover_test_total 1");
  } finally {
    vi.useRealTimers();
  }
});

it("names each metric once, with its labels", () => {
  const metrics = unscrapedMetrics();
  const options = { name: "drover_test_total", help: "Counts.", labels: ["code"] } as const;
  expect(metrics.counter(options)).toBe(metrics.counter(options));
  expect(metrics.described()).toEqual([{ kind: "counter", ...options }]);
});
