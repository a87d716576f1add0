import type { HostDeparturesView } from "@drover/contracts";
import type { KnownServer } from "@drover/fleet";
import type { ConductorContext } from "../conductor-context.ts";
import type { Asking } from "../migration/ask-hosts.ts";
import { inParallel } from "./in-parallel.ts";
import { PlannedDepartures } from "./planned-departures.ts";
import { preflightServer, type ServerPreflight } from "./preflight-server.ts";

/** Of a host that is to be emptied so many servers are asked about side by side. */
const SERVERS_ASKED_TOGETHER = 8;

/**
 * Which servers of a host could leave it: each as if it were the only one, and all of them together.
 *
 * Together they are given room one after the other, the largest first, each on the best host that still has it: a plan that
 * works if it finds one, though not every one that exists. What a server was asked alone is not asked again unless the host
 * that it was to go to has been filled by others.
 */
export async function preflightHost(
  context: ConductorContext,
  asking: Asking,
  host: string,
  servers: readonly KnownServer[],
): Promise<HostDeparturesView> {
  const alone = await inParallel(servers, SERVERS_ASKED_TOGETHER, async (server) => ({
    server,
    preflight: await preflightServer(context, asking, server, { host: null, untilFit: true }),
  }));
  const plan = new PlannedDepartures();
  const together = new Map<string, ServerPreflight>();
  for (const { server, preflight } of alone.toSorted((a, b) => b.server.memoryKiB - a.server.memoryKiB)) {
    const placed = await placeBesideOthers(context, asking, server, preflight, plan);
    together.set(server.uuid, placed);
    if (placed.chosenHost !== null) plan.add(placed.chosenHost, server);
  }
  const rows = alone.map(({ server: { uuid, name }, preflight: { canMove, chosenHost, reason } }) => {
    const beside = together.get(uuid);
    return {
      ...{ server: { uuid, name }, canMove, chosenHost, reason },
      together: { host: beside?.chosenHost ?? null, reason: beside?.reason ?? reason },
    };
  });
  const canMove = rows.filter((row) => row.canMove).length;
  const canMoveTogether = rows.filter((row) => row.together.host !== null).length;
  return {
    ...{ host, canMove, cannotMove: rows.length - canMove },
    ...{ canMoveTogether, cannotMoveTogether: rows.length - canMoveTogether },
    ...{ destinations: [...plan.hosts()], servers: rows },
  };
}

async function placeBesideOthers(
  context: ConductorContext,
  asking: Asking,
  server: KnownServer,
  alone: ServerPreflight,
  plan: PlannedDepartures,
): Promise<ServerPreflight> {
  if (alone.chosenHost === null) return alone;
  const checks = plan.checks(alone.chosenHost, server, alone.memoryLeftKiB);
  if (checks.every(({ passed }) => passed)) return alone;
  return await preflightServer(context, asking, server, { host: null, untilFit: true, plan });
}
