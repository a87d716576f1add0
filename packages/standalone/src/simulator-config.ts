import { z } from "zod";

/** `[simulator]`: the hosts that an embedded Drover begins with. */
export const simulatorConfig = z.object({
  enabled: z
    .boolean()
    .default(true)
    .describe("Three simulated hosts with guests. Switch it off when agents of real hosts join over a broker."),
});

export type SimulatorConfig = z.output<typeof simulatorConfig>;
