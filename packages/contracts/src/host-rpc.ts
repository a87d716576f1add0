/** What an operator sets of a host. */
import { defineCall } from "@drover/bus";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";
import { hostName, nothing } from "./schemas.ts";

const limit = (what: string) =>
  z
    .int()
    .min(0)
    .max(1000)
    .nullable()
    .optional()
    .describe(`Live migrations that ${what} the host at the same time; 0 is none, null the conductors' default.`);

/** What is absent stays as it is. */
export const hostSettings = z
  .strictObject({
    enabled: z
      .boolean()
      .optional()
      .describe("A disabled host is chosen for no migration; what runs on it, or is on its way to it, is left alone."),
    disabledReason: z.string().min(1).max(255).nullable().optional().describe("Only of a host that is disabled."),
    maintenanceReason: z
      .string()
      .min(1)
      .max(255)
      .nullable()
      .optional()
      .describe(
        "Somebody works on it, and why: no guest comes to it until this is null again. Apart from `enabled`, which stays as it is.",
      ),
    forcedDown: z
      .boolean()
      .optional()
      .describe(
        "It is off and stays off until somebody says otherwise: it counts as down, whatever its agent reports. Say so only of a host that " +
          "cannot run anything any more; what is to be cleaned up there is passed over.",
      ),
    maxOutgoingMigrations: limit("leave"),
    maxIncomingMigrations: limit("come to"),
  })
  .meta({ id: "HostSettings" });

export const updateHost = defineCall({
  ...conductorTopic,
  method: "update_host",
  access: "request",
  deadlineMs: 10_000,
  idempotent: true,
  description:
    "Sets what is allowed on a host: whether it is chosen for migrations, its maintenance, and how many leave it and come to it.",
  errors: {
    "not-found": "No such host.",
    "bad-request": "A reason for a host that is not disabled.",
  },
  request: z.strictObject({
    host: hostName,
    settings: hostSettings,
    requestedBy: z.string().describe("Who asks, for the log."),
  }),
  response: z.object({
    enabled: z.boolean(),
    disabledReason: z.string().nullable(),
    maintenanceReason: z.string().nullable().default(null),
    forcedDown: z.boolean().default(false),
    maxOutgoingMigrations: z.int().nullable(),
    maxIncomingMigrations: z.int().nullable(),
  }),
});

export const deleteHost = defineCall({
  ...conductorTopic,
  method: "delete_host",
  access: "request",
  deadlineMs: 10_000,
  idempotent: false,
  description:
    "Forgets a host that has been taken away, with its settings and its places in aggregates. Stop its agent first: one that still " +
    "runs is a new host with its next report.",
  errors: {
    "not-found": "No such host.",
    refused: "It has guests, or a migration in progress comes from it or goes to it.",
  },
  request: z.strictObject({ host: hostName, requestedBy: z.string().describe("Who asks, for the log.") }),
  response: nothing,
});
