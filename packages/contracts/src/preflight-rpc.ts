/** Whether a server could move, and why not: asked before anything is recorded or claimed. */
import { defineCall } from "@drover/bus";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";
import { hostName, hostWeight, preCheck } from "./schemas.ts";

/** Long enough to ask a fleet of a thousand hosts, or every guest of a full one. */
const PREFLIGHT_DEADLINE_MS = 50_000;

const asking = {
  ...conductorTopic,
  access: "read",
  idempotent: true,
  deadlineMs: PREFLIGHT_DEADLINE_MS,
  // A conductor that died meanwhile is noticed long before the deadline.
  monitorTimeoutMs: 10_000,
} as const;

const count = z.int().nonnegative();
const serverName = z.object({ uuid: z.string(), name: z.string() });

const hostPreflight = z
  .object({
    host: z.string(),
    verdict: z
      .enum(["fit", "busy", "unfit", "not-asked"])
      .describe(
        "`busy`: it takes in as many as it may at this moment, and the migration would wait for it. `not-asked`: the source " +
          "has not said what the server needs; `checks` above says why.",
      ),
    rank: z.int().positive().nullable().describe("1 is the scheduler's first choice; null where a filter rejects it."),
    weight: z.number().nullable().describe("The larger is the better; null where a filter rejects the host."),
    weights: z.array(hostWeight).describe("What the weight is the sum of."),
    checks: z.array(preCheck).describe("The scheduler's filters that reject it, and the answers of its agent."),
  })
  .meta({ id: "HostPreflight" });

export const migrationPreflightView = z
  .object({
    server: serverName,
    sourceHost: z.string(),
    requestedHost: z.string().nullable(),
    canMove: z.boolean(),
    chosenHost: z.string().nullable().describe("Where it would be moved to if it were asked for now."),
    reason: z.string().describe("Why that host, or why none; one sentence."),
    checks: z.array(preCheck).describe("Of the server, and of the host that it is to leave."),
    hosts: z.array(hostPreflight).describe("Every host that could be asked, the best first."),
  })
  .meta({ id: "MigrationPreflight" });
export type MigrationPreflightView = z.output<typeof migrationPreflightView>;

export const hostDeparturesView = z
  .object({
    host: z.string(),
    canMove: count.describe("How many of the servers can move, each asked as if it were the only one."),
    cannotMove: count,
    canMoveTogether: count.describe(
      "How many find room when all are to leave: what one takes, the next does not find.",
    ),
    cannotMoveTogether: count,
    destinations: z
      .array(z.object({ host: z.string(), servers: count, memoryKiB: count.describe("That they would take.") }))
      .describe("Where all of them together would go."),
    servers: z.array(
      z.object({
        server: serverName,
        canMove: z.boolean(),
        chosenHost: z.string().nullable(),
        reason: z.string(),
        together: z
          .object({ host: z.string().nullable(), reason: z.string() })
          .describe("Where it would go beside the others; the largest are given room first."),
      }),
    ),
  })
  .meta({ id: "HostDepartures" });
export type HostDeparturesView = z.output<typeof hostDeparturesView>;

export const migrationPreflight = defineCall({
  ...asking,
  method: "migration_preflight",
  description:
    "Could this server move, and where to? Runs the scheduler's selection and the very checks that guard a migration, on the " +
    "source and on all hosts side by side. Claims and changes nothing, so what it says may be otherwise a moment later.",
  errors: {
    "not-found": "No such server, or no such host.",
    "bad-request": "The name is that of several servers; `details.uuids` has them.",
    unavailable: "No scheduler answers.",
  },
  request: z.strictObject({
    server: z.string().min(1).max(255).describe("Uuid or unambiguous name."),
    host: hostName.nullable().default(null).describe("Only this destination; null asks all hosts."),
  }),
  response: migrationPreflightView,
});

export const hostMigrationPreflight = defineCall({
  ...asking,
  method: "host_migration_preflight",
  description:
    "Which servers of this host could move elsewhere, and why the others cannot: each as if it were the only one, and all of " +
    "them together, the largest first. Claims and changes nothing.",
  errors: { "not-found": "No such host.", unavailable: "No scheduler answers." },
  request: z.strictObject({ host: hostName }),
  response: hostDeparturesView,
});
