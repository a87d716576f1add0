/** Where servers may run: groups, aggregates of hosts with the zones they make up, and the zone that a server asked for. */
import { defineCall } from "@drover/bus";
import { SERVER_GROUP_POLICIES } from "@drover/model";
import { z } from "zod";
import { conductorTopic } from "./conductor-topic.ts";
import { asAdmin, hostName, nothing } from "./schemas.ts";
import { aggregateView, serverGroupView, serverView } from "./views.ts";

const reading = { ...conductorTopic, access: "read", idempotent: true, deadlineMs: 10_000 } as const;
const changing = { ...conductorTopic, access: "request", deadlineMs: 10_000 } as const;

const NAME = /^[A-Za-z0-9._-]{1,255}$/;
const NAME_WORDS = "must be 1 to 255 letters, digits, dots, dashes, underscores";
/** Of a server group or an aggregate. */
export const placementName = z.string().regex(NAME, NAME_WORDS).meta({ title: "name" });
const zone = z.string().regex(NAME, NAME_WORDS).meta({ title: "zone" });
const server = z.string().min(1).max(255).describe("Uuid or unambiguous name.");
const servers = z.array(server).max(1000);
const hosts = z.array(hostName).max(1000);
const metadata = z
  .record(z.string().min(1).max(255), z.string().max(255))
  .refine((pairs) => Object.keys(pairs).length <= 64, "must be 64 pairs at most");
const requestedBy = z.string().describe("Who asks, for the log.");

export const newServerGroup = z
  .strictObject({
    name: placementName,
    policy: z
      .enum(SERVER_GROUP_POLICIES)
      .describe("Nova's: run together, run apart; a soft policy ranks hosts and rejects none."),
    maxServersPerHost: z
      .int()
      .min(1)
      .max(1000)
      .default(1)
      .describe("With `anti-affinity`: so many of them may share a host."),
    servers: servers.default([]).describe("Uuids or unambiguous names; a server is in one group at most."),
  })
  .meta({ id: "NewServerGroup" });

export const serverGroupChange = z
  .strictObject({ addServers: servers.default([]), removeServers: servers.default([]) })
  .meta({ id: "ServerGroupChange" });

export const newAggregate = z
  .strictObject({
    name: placementName,
    availabilityZone: zone.nullable().default(null).describe("The zone that its hosts are in; null: none by it."),
    metadata: metadata
      .default({})
      .describe("What its hosts offer: a server whose metadata has `aggregate_instance_extra_specs:KEY` needs `KEY`."),
    hosts: hosts.default([]),
  })
  .meta({ id: "NewAggregate" });

/** What is absent stays as it is. */
export const aggregateChange = z
  .strictObject({
    availabilityZone: zone.nullable().optional(),
    metadata: metadata.optional().describe("Takes the place of all that was there."),
    addHosts: hosts.default([]),
    removeHosts: hosts.default([]),
  })
  .meta({ id: "AggregateChange" });

export const serverSettings = z
  .strictObject({
    availabilityZone: zone
      .nullable()
      .optional()
      .describe("The zone that it is to stay in: `nova` is that of hosts in no other. Null: it may go to any."),
    locked: z
      .boolean()
      .optional()
      .describe(
        "A locked server is moved, paused and unpaused by administrators only, and its migration steered by them.",
      ),
    lockedReason: z.string().min(1).max(255).optional().describe("Why; with `locked` true."),
  })
  .refine((settings) => Object.keys(settings).length > 0, "must name something to set")
  .meta({ id: "ServerSettings" });

const noSuchServer = "No such server.";
const noSuchGroup = "No such server group.";
const noSuchAggregate = "No such aggregate.";
const otherGroup = "A server is in another group.";
const otherZone = "A host would be in two zones.";

export const listServerGroups = defineCall({
  ...reading,
  method: "list_server_groups",
  description: "Server groups with their members, by name.",
  request: nothing,
  response: z.object({ groups: z.array(serverGroupView) }),
});

export const createServerGroup = defineCall({
  ...changing,
  idempotent: false,
  method: "create_server_group",
  description:
    "Makes a group of servers that are to run together or apart. It counts when a server is moved; nothing is moved for it.",
  errors: { "not-found": noSuchServer, refused: `The name is taken. ${otherGroup}` },
  request: z.strictObject({ group: newServerGroup, requestedBy }),
  response: z.object({ group: serverGroupView }),
});

export const updateServerGroup = defineCall({
  ...changing,
  idempotent: true,
  method: "update_server_group",
  description: "Adds servers to a group and removes some from it.",
  errors: { "not-found": `${noSuchGroup} ${noSuchServer}`, refused: otherGroup },
  request: z.strictObject({ group: placementName, change: serverGroupChange, requestedBy }),
  response: z.object({ group: serverGroupView }),
});

export const deleteServerGroup = defineCall({
  ...changing,
  idempotent: false,
  method: "delete_server_group",
  description: "Removes a group; its servers are in none then.",
  errors: { "not-found": noSuchGroup },
  request: z.strictObject({ group: placementName, requestedBy }),
  response: nothing,
});

export const listAggregates = defineCall({
  ...reading,
  method: "list_aggregates",
  description: "Aggregates with their hosts, by name.",
  request: nothing,
  response: z.object({ aggregates: z.array(aggregateView) }),
});

export const createAggregate = defineCall({
  ...changing,
  idempotent: false,
  method: "create_aggregate",
  description: "Makes an aggregate of hosts; with a zone, its hosts are in that.",
  errors: { "not-found": "No such host.", refused: `The name is taken. ${otherZone}` },
  request: z.strictObject({ aggregate: newAggregate, requestedBy }),
  response: z.object({ aggregate: aggregateView }),
});

export const updateAggregate = defineCall({
  ...changing,
  idempotent: true,
  method: "update_aggregate",
  description: "Changes an aggregate's zone or metadata, adds hosts and removes some.",
  errors: { "not-found": `${noSuchAggregate} No such host.`, refused: otherZone },
  request: z.strictObject({ aggregate: placementName, change: aggregateChange, requestedBy }),
  response: z.object({ aggregate: aggregateView }),
});

export const deleteAggregate = defineCall({
  ...changing,
  idempotent: false,
  method: "delete_aggregate",
  description: "Removes an aggregate. Servers that asked for a zone that no host is in any more stay where they are.",
  errors: { "not-found": noSuchAggregate },
  request: z.strictObject({ aggregate: placementName, requestedBy }),
  response: nothing,
});

export const updateServer = defineCall({
  ...changing,
  idempotent: true,
  method: "update_server",
  description:
    "Sets the zone that a server is to stay in, which counts when it is moved, and locks or unlocks it. What is absent stays as it is.",
  errors: {
    forbidden: "An administrator has locked it: only one unlocks it.",
    "not-found": noSuchServer,
    "bad-request":
      "The name is that of several servers; `details.uuids` has them. Or no aggregate has the zone. Or a " +
      "reason for a server that is not to be locked.",
  },
  request: z.strictObject({ server, settings: serverSettings, asAdmin, requestedBy }),
  response: z.object({ server: serverView }),
});
