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
  max_requests_per_second: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe("Requests with one token that one API answers in a second; more are answered 429 with `Retry-After`."),
});

export type ApiConfig = z.output<typeof apiConfig>;
