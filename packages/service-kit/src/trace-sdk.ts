import { pause } from "@drover/model";
import { context, type DiagLogger, DiagLogLevel, diag, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { redactSecrets } from "./redact.ts";
import type { RunningService } from "./running-service.ts";
import type { TracingOptions } from "./tracing.ts";

/** A collector that does not answer is given up for this batch after so long, ms. */
const EXPORT_TIMEOUT_MS = 2_000;
/** Spans are sent so long after the first that waits, ms: soon enough to look at a migration while it runs. */
const SEND_AFTER_MS = 1_000;
const STOP_WITHIN_MS = 3_000;
/** A collector that is away is complained of once in so long, ms. */
const COMPLAIN_EVERY_MS = 60_000;
/** A copy's span has its policy's decisions in it. */
const EVENTS_OF_A_SPAN = 512;

/** The one place that knows OpenTelemetry's SDK; everything else speaks to its API, which does nothing without this. */
export function startTraceSdk(options: TracingOptions & { readonly url: string }): RunningService {
  const { service, config, logger, clock, url } = options;
  diag.setLogger(complaints(options), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": service, "service.namespace": "drover" }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.sample_ratio) }),
    spanLimits: { eventCountLimit: EVENTS_OF_A_SPAN },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: SEND_AFTER_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  logger.info({ url: redactSecrets(url), sampleRatio: config.sample_ratio }, "traces are sent");
  return {
    stop: async () => {
      const patience = new AbortController();
      const late = pause(clock, STOP_WITHIN_MS, patience.signal);
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      patience.abort();
      trace.disable();
      context.disable();
      diag.disable();
    },
  };
}

/** Traces are lost rather than waited for; that they are is in the log, now and then. */
function complaints({ logger, clock }: TracingOptions): DiagLogger {
  let complainedAtMs = Number.NEGATIVE_INFINITY;
  const complain = (message: string, ...details: unknown[]) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - complainedAtMs < COMPLAIN_EVERY_MS) return;
    complainedAtMs = nowMs;
    const problem = redactSecrets([message, ...details].map(String).join(" ").slice(0, 500));
    logger.warn({ problem }, "traces could not be sent; they are dropped");
  };
  const quiet = () => undefined;
  return { error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet };
}
