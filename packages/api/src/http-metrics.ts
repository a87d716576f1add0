import type { Metrics } from "@drover/service-kit";

/** Takes how each request was answered. */
export interface HttpMetrics {
  /** @param route The route's pattern: the URL itself would make a series of every server. */
  answered(method: string, route: string, status: number, seconds: number): void;
  /** How many event streams are open now. */
  streamsOpen(count: number): void;
  /** The API ended an event stream whose reader was too slow. */
  streamCut(): void;
}

export function httpMetrics(metrics: Metrics): HttpMetrics {
  const seconds = metrics.histogram({
    name: "drover_http_request_seconds",
    help: "Time from an HTTP request to its answer; `route` is the route's pattern.",
    labels: ["method", "route", "status"],
  });
  const streams = metrics.gauge({ name: "drover_event_streams", help: "Event streams that are open." });
  const cut = metrics.counter({
    name: "drover_event_streams_cut_total",
    help: "Event streams that were ended because their reader did not keep up.",
  });
  return {
    streamsOpen: (count) => streams.set(count),
    streamCut: () => cut.inc(),
    answered: (method, route, status, duration) => seconds.observe({ method, route, status: String(status) }, duration),
  };
}
