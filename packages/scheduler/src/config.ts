import { z } from "zod";

/** `[scheduler]`. */
export const schedulerConfig = z.object({
  ram_allocation_ratio: z
    .number()
    .positive()
    .default(1)
    .describe("Guest memory that a host may be given, as a share of its own memory. 1.5 gives it half as much again."),
});

export type SchedulerConfig = z.infer<typeof schedulerConfig>;
