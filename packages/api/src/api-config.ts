import { loopbackHost } from "@drover/service-kit";
import { z } from "zod";

/** `[api]`. */
export const apiConfig = z.object({
  host: loopbackHost,
  port: z.int().min(0).max(65_535).default(8774).describe("Port of the HTTP API; 0 takes a free one."),
});

export type ApiConfig = z.output<typeof apiConfig>;
