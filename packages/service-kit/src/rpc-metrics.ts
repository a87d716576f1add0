import type { Metrics } from "./metrics.ts";

/** Takes what a bus tells of each call, cast and request; see `BusObserver` of @drover/bus. */
export interface RpcMetrics {
  sent(method: string, seconds: number, code: string): void;
  served(method: string, seconds: number, code: string): void;
}

/** From an answer within the process to the longest deadline of any call. */
const BUCKETS_S = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300];

/** RPC as both of its ends see it. Methods are those of the contracts, so the series are few. */
export function rpcMetrics(metrics: Metrics): RpcMetrics {
  const sentSeconds = metrics.histogram({
    name: "drover_rpc_call_seconds",
    help: "Time of a call or cast of this process, until its answer or until the broker has it.",
    labels: ["method"],
    buckets: BUCKETS_S,
  });
  const sentErrors = metrics.counter({
    name: "drover_rpc_call_errors_total",
    help: "Calls and casts of this process that failed, by the error's code.",
    labels: ["method", "code"],
  });
  const servedSeconds = metrics.histogram({
    name: "drover_rpc_request_seconds",
    help: "Time that a request to this process was worked on.",
    labels: ["method"],
    buckets: BUCKETS_S,
  });
  const servedErrors = metrics.counter({
    name: "drover_rpc_request_errors_total",
    help: "Requests to this process that it answered with an error, by its code.",
    labels: ["method", "code"],
  });
  return {
    sent: (method, seconds, code) => {
      sentSeconds.observe({ method }, seconds);
      if (code !== "ok") sentErrors.inc({ method, code });
    },
    served: (method, seconds, code) => {
      servedSeconds.observe({ method }, seconds);
      if (code !== "ok") servedErrors.inc({ method, code });
    },
  };
}
