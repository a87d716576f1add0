import { silentLogger, systemClock } from "@drover/model";
import { expect, it } from "vitest";
import { tracingConfig } from "./common-sections.ts";
import { startTracing } from "./tracing.ts";

const parts = { service: "test", logger: silentLogger, clock: systemClock };

it("nothing is traced, nor loaded, without a collector", async () => {
  const config = tracingConfig.parse({});
  expect(await startTracing({ ...parts, config, env: {} })).toBeUndefined();
  expect(await startTracing({ ...parts, config, env: { OTEL_EXPORTER_OTLP_ENDPOINT: "" } })).toBeUndefined();
});

it("a collector that is no URL is refused, with the variable and the remedy", async () => {
  const config = tracingConfig.parse({});
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318/" };
  await expect(startTracing({ ...parts, config, env: { OTEL_EXPORTER_OTLP_ENDPOINT: "collector" } })).rejects.toThrow(
    "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with http:// or https://",
  );
  await expect(startTracing({ ...parts, config, env })).rejects.toMatchObject({ code: "bad-request" });
  expect(() => tracingConfig.parse({ endpoint: "collector:4318" })).toThrow(/http:\/\/ or https:\/\//);
});
