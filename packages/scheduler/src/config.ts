import { z } from "zod";

/** `[scheduler]`. */
export const schedulerConfig = z.object({
  ram_allocation_ratio: z
    .number()
    .positive()
    .default(1)
    .describe("Guest memory that a host may be given, as a share of its own memory. 1.5 gives it half as much again."),
  cpu_allocation_ratio: z
    .number()
    .positive()
    .default(16)
    .describe(
      "Guest processors that a host may be given for each of its own. A single guest never gets more than the host has.",
    ),
});

export type SchedulerConfig = z.infer<typeof schedulerConfig>;
