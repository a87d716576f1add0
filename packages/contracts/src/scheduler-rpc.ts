/**
 * What the scheduler answers. Version history: 1.0 the first release. Since then `everyReason`, `weights`, `limit`, `passed` and `fellOut`
 * have come; a scheduler that does not know them answers as before, so conductors still ask for 1.0.
 */
import { defineCall } from "@drover/bus";
import { z } from "zod";
import { eliminatedHost, guestReference, hostName, hostWeight } from "./schemas.ts";

export const selectDestinations = defineCall({
  topic: "scheduler",
  method: "select_destinations",
  version: "1.0",
  access: "read",
  deadlineMs: 10_000,
  idempotent: true,
  description:
    "Ranks the hosts that could take a guest, best first, and says why each other host fell out. An empty ranking is no error.",
  request: guestReference.extend({
    memoryKiB: z.number().int().nonnegative(),
    vcpus: z.number().int().nonnegative(),
    sourceHost: hostName,
    requestedHost: hostName.nullable().describe("Only this host, when the requester named one."),
    everyReason: z
      .boolean()
      .default(false)
      .describe("Name every filter that rejects a host, for a person to read; otherwise only the first."),
    limit: z
      .number()
      .int()
      .positive()
      .optional()
      .describe(
        "At most so many candidates, and so many of the hosts that each filter rejected; all where it is left out.",
      ),
  }),
  response: z.object({
    candidates: z.array(
      z.object({
        host: hostName,
        weight: z.number().describe("The larger is the better."),
        weights: z.array(hostWeight).default([]).describe("What the weight is the sum of."),
      }),
    ),
    eliminated: z.array(eliminatedHost),
    passed: z
      .number()
      .int()
      .nonnegative()
      .optional()
      .describe("How many hosts passed every filter, beyond the limit too."),
    fellOut: z.number().int().nonnegative().optional().describe("How many hosts fell out, beyond the limit too."),
  }),
});
