import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface MetricOptions<Label extends string> {
  /** In Prometheus' form with the unit last, e.g. `drover_http_request_seconds`. */
  readonly name: string;
  readonly help: string;
  /** Each of them of few values, or of values whose number is bounded by the fleet: every combination is kept. */
  readonly labels?: readonly Label[];
}

/** A metric as the reference names it. */
export interface DescribedMetric {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** A process' metrics. Asking twice for one name gives the same metric. */
export interface Metrics {
  counter<Label extends string>(options: MetricOptions<Label>): Counter<Label>;
  gauge<Label extends string>(options: MetricOptions<Label>): Gauge<Label>;
  histogram<Label extends string>(
    options: MetricOptions<Label> & { readonly buckets?: readonly number[] },
  ): Histogram<Label>;
  /**
   * Runs before every scrape, to set gauges from what is read then. It may take three seconds: the scrape does not wait
   * longer, nor does it fail when `read` does.
   */
  onScrape(read: () => Promise<void>): void;
  /** What was made here, in that order; without Node's own. */
  described(): readonly DescribedMetric[];
  /** Everything in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** A dependency that is away must not keep the rest from being scraped, ms. */
const SCRAPE_READ_MS = 3_000;

/** Metrics of a service: Node's own (memory, event loop, handles) from the start, the service's as it adds them. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return metricsOf(registry);
}

/** Metrics that nobody scrapes, for a part that is started without a service around it. */
export function unscrapedMetrics(): Metrics {
  return metricsOf(new Registry());
}

function metricsOf(registry: Registry): Metrics {
  const made = new Map<string, unknown>();
  const described: DescribedMetric[] = [];
  const reads: (() => Promise<void>)[] = [];
  function once<Metric>(
    kind: DescribedMetric["kind"],
    { name, help, labels = [] }: MetricOptions<string>,
    make: (options: { name: string; help: string; registers: Registry[] }) => Metric,
  ): Metric {
    const key = `${kind} ${name}`;
    const known = made.get(key);
    // The key holds the kind, so what is stored under it was made by the same method.
    if (known !== undefined) return known as Metric;
    const metric = make({ name, help, registers: [registry] });
    made.set(key, metric);
    described.push({ kind, name, help, labels });
    return metric;
  }
  return {
    counter: (options) =>
      once("counter", options, (made) => new Counter({ ...made, labelNames: options.labels ?? [] })),
    gauge: (options) => once("gauge", options, (made) => new Gauge({ ...made, labelNames: options.labels ?? [] })),
    histogram: (options) =>
      once("histogram", options, (made) => {
        const buckets = options.buckets === undefined ? {} : { buckets: [...options.buckets] };
        return new Histogram({ ...made, labelNames: options.labels ?? [], ...buckets });
      }),
    onScrape: (read) => void reads.push(read),
    described: () => described,
    text: async () => {
      await Promise.all(reads.map(readInTime));
      return await registry.metrics();
    },
    contentType: registry.contentType,
  };
}

async function readInTime(read: () => Promise<void>): Promise<void> {
  let late: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    late = setTimeout(resolve, SCRAPE_READ_MS);
  });
  // What could not be read is missing in the scrape, which says so by itself: `/readyz` tells why.
  await Promise.race([read().catch(() => undefined), patience]);
  clearTimeout(late);
}
