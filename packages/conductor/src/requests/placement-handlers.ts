import { handle, type RpcHandler } from "@drover/bus";
import {
  createAggregate,
  createServerGroup,
  deleteAggregate,
  deleteServerGroup,
  listAggregates,
  listServerGroups,
  updateAggregate,
  updateServerGroup,
} from "@drover/contracts";
import { createFleet, type Fleet, isUuid, viewAggregate, viewServerGroup } from "@drover/fleet";
import { DroverError } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";

/** Where servers may run, as operators say it of hosts and groups. Migrations that wait look again: one may have become possible. */
export function placementHandlers(context: ConductorContext): readonly RpcHandler[] {
  const { store, clock } = context;
  const fleet = createFleet(store, clock);
  return [...groupHandlers(context, fleet), ...aggregateHandlers(context)];
}

function groupHandlers(context: ConductorContext, fleet: Fleet): readonly RpcHandler[] {
  const { serverGroups } = context.store;
  const shown = async (name: string) => {
    const group = (await fleet.serverGroups()).find((known) => known.name === name);
    if (group === undefined) throw noSuch("server group", name);
    return { group: viewServerGroup(group) };
  };
  return [
    handle(listServerGroups, async () => ({ groups: (await fleet.serverGroups()).map(viewServerGroup) })),
    handle(createServerGroup, async ({ group, requestedBy }) => {
      await serverGroups.create({ ...group, servers: await serversNamed(fleet, group.servers) });
      changed(context, { group: group.name, policy: group.policy, requestedBy }, "a server group was made");
      return await shown(group.name);
    }),
    handle(updateServerGroup, async ({ group, change, requestedBy }) => {
      const addServers = await serversNamed(fleet, change.addServers);
      // One that no host reports any more is removed all the same.
      const gone = change.removeServers.filter(isUuid);
      const removeServers = await serversNamed(
        fleet,
        change.removeServers.filter((server) => !isUuid(server)),
      );
      await serverGroups.update(group, { addServers, removeServers: [...gone, ...removeServers] });
      changed(context, { group, ...change, requestedBy }, "a server group was changed");
      return await shown(group);
    }),
    handle(deleteServerGroup, async ({ group, requestedBy }) => {
      if (!(await serverGroups.remove(group))) throw noSuch("server group", group);
      changed(context, { group, requestedBy }, "a server group was deleted");
      return {};
    }),
  ];
}

function aggregateHandlers(context: ConductorContext): readonly RpcHandler[] {
  const { aggregates, hosts } = context.store;
  const requireHosts = async (names: readonly string[]) => {
    for (const host of names) {
      if ((await hosts.get(host)) === undefined) throw noSuch("host", host);
    }
  };
  return [
    handle(listAggregates, async () => ({ aggregates: (await aggregates.list()).map(viewAggregate) })),
    handle(createAggregate, async ({ aggregate, requestedBy }) => {
      await requireHosts(aggregate.hosts);
      const made = await aggregates.create(aggregate);
      changed(context, { aggregate: made.name, zone: made.availabilityZone, requestedBy }, "an aggregate was made");
      return { aggregate: viewAggregate(made) };
    }),
    handle(updateAggregate, async ({ aggregate, change, requestedBy }) => {
      await requireHosts(change.addHosts);
      const { availabilityZone, metadata, addHosts, removeHosts } = change;
      const after = await aggregates.update(aggregate, {
        ...(availabilityZone === undefined ? {} : { availabilityZone }),
        ...(metadata === undefined ? {} : { metadata }),
        addHosts,
        removeHosts,
      });
      changed(context, { aggregate, ...change, requestedBy }, "an aggregate was changed");
      return { aggregate: viewAggregate(after) };
    }),
    handle(deleteAggregate, async ({ aggregate, requestedBy }) => {
      if (!(await aggregates.remove(aggregate))) throw noSuch("aggregate", aggregate);
      changed(context, { aggregate, requestedBy }, "an aggregate was deleted");
      return {};
    }),
  ];
}

async function serversNamed(fleet: Fleet, references: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(references.map((reference) => fleet.findServer(reference)));
  return [...new Set(found.map(({ uuid }) => uuid))];
}

function changed({ logger, signals }: ConductorContext, fields: object, message: string): void {
  logger.info({ ...fields }, message);
  signals.wake("incoming");
}

function noSuch(what: string, name: string): DroverError {
  return new DroverError("not-found", `there is no ${what} ${name}: see the list of them`, { details: { name } });
}
