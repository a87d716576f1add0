import { z } from "zod";

/** `[conductor]`. */
export const conductorConfig = z.object({
  max_concurrent_live_migrations: z
    .int()
    .min(1)
    .default(2)
    .describe(
      "Live migrations that leave one host at the same time, where an operator has set no other number for it; more wait as `queued`.",
    ),
  max_concurrent_incoming_migrations: z
    .int()
    .min(1)
    .default(4)
    .describe(
      "Live migrations that one host takes in at the same time, where an operator has set no other number for it.",
    ),
  max_concurrent_migrations: z.int().min(1).default(1000).describe("Live migrations under way in the whole fleet."),
  agent_silence_s: z
    .number()
    .positive()
    .default(60)
    .describe(
      "A running migration whose source agent was not heard of for this long is `unknown` until both hosts were asked.",
    ),
  webhook_give_up_h: z
    .number()
    .positive()
    .default(24)
    .describe("A webhook to which nothing got through for so long is disabled; it says why."),
  webhook_allow_loopback: z
    .boolean()
    .default(false)
    .describe("Whether webhooks may send to the conductor's own machine: to whatever listens on 127.0.0.1 there."),
  start_timeout_s: z
    .number()
    .positive()
    .default(60)
    .describe("A copy that the source agent has not begun by then is not begun any more."),
});

export type ConductorConfig = z.infer<typeof conductorConfig>;

const DAYS_MOST = 36_500;

/** `[retention]`. */
export const retentionConfig = z.object({
  migrations_days: z
    .int()
    .min(0)
    .max(DAYS_MOST)
    .default(90)
    .describe(
      "Migrations that have been over for so many days are deleted, with their log and their last progress; 0 keeps them for ever. What is in progress, or in `error`, is never deleted. What else was asked of servers goes after as many.",
    ),
  history_days: z
    .int()
    .min(0)
    .max(DAYS_MOST)
    .default(30)
    .describe(
      "How a copy went is kept for so many days after its end, and no longer than its migration; 0 keeps it as long as that.",
    ),
  audit_days: z
    .int()
    .min(0)
    .max(DAYS_MOST)
    .default(365)
    .describe("Entries of the audit are deleted after so many days; 0 keeps them for ever."),
});

export type RetentionConfig = z.infer<typeof retentionConfig>;
