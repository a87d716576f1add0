import { loopbackHost } from "@drover/service-kit";
import { z } from "zod";

/** `[api]`. */
export const apiConfig = z.object({
  host: loopbackHost,
  port: z.int().min(0).max(65_535).default(8774).describe("Port of the HTTP API; 0 takes a free one."),
  max_event_streams: z
    .int()
    .min(0)
    .default(5_000)
    .describe("Event streams that are open at the same time; more are answered 503. Each needs an open file."),
});

export type ApiConfig = z.output<typeof apiConfig>;
