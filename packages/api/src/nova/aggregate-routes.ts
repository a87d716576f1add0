import type { Aggregate } from "@drover/model";
import { derivedUuid } from "./derived-uuid.ts";
import { SINCE } from "./microversion.ts";
import type { NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { microsecondsTime } from "./nova-time.ts";

/** `/os-aggregates[/{id}]`, to read: they are made and changed by `/v1/aggregates`. */
export const aggregateRoutes: NovaRoutes = (app, { fleet }) => {
  app.get("/os-aggregates", async (request) => {
    const aggregates = [...(await fleet.aggregates())].sort((a, b) => a.id - b.id);
    return { aggregates: aggregates.map((aggregate) => view(aggregate, request.novaMinor)) };
  });

  app.get<{ Params: { id: string } }>("/os-aggregates/:id", async (request) => {
    const { id } = request.params;
    if (!/^[0-9]{1,15}$/.test(id)) throw new NovaFault(400, "id must be an integer");
    const aggregate = (await fleet.aggregates()).find((known) => known.id === Number(id));
    if (aggregate === undefined) throw new NovaFault(404, `Aggregate ${id} could not be found.`);
    return { aggregate: view(aggregate, request.novaMinor) };
  });
};

/** Nova keeps the zone among the metadata, and shows it beside them as well. */
function view({ id, name, availabilityZone, hosts, metadata, createdAt }: Aggregate, minor: number): object {
  return {
    id,
    name,
    availability_zone: availabilityZone,
    hosts,
    metadata: availabilityZone === null ? metadata : { ...metadata, availability_zone: availabilityZone },
    created_at: microsecondsTime(createdAt),
    updated_at: null,
    deleted: false,
    deleted_at: null,
    ...(minor >= SINCE.aggregateUuid ? { uuid: derivedUuid("aggregate", String(id), name) } : {}),
  };
}
