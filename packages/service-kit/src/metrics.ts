import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface MetricOptions<Label extends string> {
  /** In Prometheus' form with the unit last, e.g. `drover_http_request_seconds`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** A process' metrics. Asking twice for one name gives the same metric. */
export interface Metrics {
  counter<Label extends string>(options: MetricOptions<Label>): Counter<Label>;
  /** `read` is called when the metric is scraped. */
  gauge<Label extends string>(options: MetricOptions<Label>, read?: () => number | Promise<number>): Gauge<Label>;
  histogram<Label extends string>(
    options: MetricOptions<Label> & { readonly buckets?: readonly number[] },
  ): Histogram<Label>;
  /** Everything in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Metrics of a service: Node's own (memory, event loop, handles) from the start, the service's as it adds them. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return metricsOf(registry);
}

function metricsOf(registry: Registry): Metrics {
  const made = new Map<string, unknown>();
  function once<Metric>(kind: string, name: string, make: () => Metric): Metric {
    const key = `${kind} ${name}`;
    const metric = made.get(key) ?? make();
    made.set(key, metric);
    // The key holds the kind, so what is stored under it was made by the same method.
    return metric as Metric;
  }
  return {
    counter: ({ name, help, labels = [] }) =>
      once("counter", name, () => new Counter({ name, help, labelNames: labels, registers: [registry] })),
    gauge: ({ name, help, labels = [] }, read) =>
      once("gauge", name, () => {
        const collect = async function (this: Gauge<string>): Promise<void> {
          if (read !== undefined) this.set(await read());
        };
        return new Gauge({ name, help, labelNames: labels, registers: [registry], collect });
      }),
    histogram: ({ name, help, labels = [], buckets }) =>
      once(
        "histogram",
        name,
        () =>
          new Histogram({
            name,
            help,
            labelNames: labels,
            registers: [registry],
            ...(buckets === undefined ? {} : { buckets: [...buckets] }),
          }),
      ),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
