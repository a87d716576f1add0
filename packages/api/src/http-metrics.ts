import type { Metrics } from "@drover/service-kit";

/** Takes how each request was answered. */
export interface HttpMetrics {
  /** @param route The route's pattern: the URL itself would make a series of every server. */
  answered(method: string, route: string, status: number, seconds: number): void;
}

export function httpMetrics(metrics: Metrics): HttpMetrics {
  const seconds = metrics.histogram({
    name: "drover_http_request_seconds",
    help: "Time from an HTTP request to its answer; `route` is the route's pattern.",
    labels: ["method", "route", "status"],
  });
  return {
    answered: (method, route, status, duration) => seconds.observe({ method, route, status: String(status) }, duration),
  };
}
