/** What the scheduler answers. Version history: 1.0 the first release. */
import { defineCall } from "@drover/bus";
import { z } from "zod";
import { eliminatedHost, guestReference, hostName } from "./schemas.ts";

/** Ranks the hosts that could take a guest, best first, and says why each other host fell out. An empty ranking is no error. */
export const selectDestinations = defineCall({
  topic: "scheduler",
  method: "select_destinations",
  version: "1.0",
  access: "read",
  deadlineMs: 10_000,
  idempotent: true,
  request: guestReference.extend({
    memoryKiB: z.number().int().nonnegative(),
    vcpus: z.number().int().nonnegative(),
    sourceHost: hostName,
    /** Only this host, when the requester named one. */
    requestedHost: hostName.nullable(),
  }),
  response: z.object({
    candidates: z.array(z.object({ host: hostName, weight: z.number() })),
    eliminated: z.array(eliminatedHost),
  }),
});
