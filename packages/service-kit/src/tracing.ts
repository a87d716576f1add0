import { type Clock, DroverError, type Logger } from "@drover/model";
import type { z } from "zod";
import type { tracingConfig } from "./common-sections.ts";
import type { RunningService } from "./running-service.ts";

export interface TracingOptions {
  /** `service.name` of what is sent. */
  readonly service: string;
  readonly config: z.output<typeof tracingConfig>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Sends the spans of this process to a collector from now on; undefined when none is configured. OpenTelemetry's SDK takes
 * about 20 MiB and a second to load, and is loaded only here.
 *
 * `stop` sends what is left, for three seconds at most.
 *
 * @throws {DroverError} `bad-request` when `OTEL_EXPORTER_OTLP_ENDPOINT` is no URL.
 */
export async function startTracing(options: TracingOptions): Promise<RunningService | undefined> {
  const endpoint = options.config.endpoint ?? (options.env.OTEL_EXPORTER_OTLP_ENDPOINT || null);
  if (endpoint === null) return undefined;
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new DroverError(
      "bad-request",
      "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with http:// or https://, as http://collector.example:4318",
    );
  }
  const { startTraceSdk } = await import("./trace-sdk.ts");
  return startTraceSdk({ ...options, url: `${endpoint.replace(/\/+$/, "")}/v1/traces` });
}
