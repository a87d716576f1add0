import { handle, type RpcHandler, type RpcInfo } from "@drover/bus";
import { hostMigrationPreflight, migrationPreflight } from "@drover/contracts";
import { createFleet } from "@drover/fleet";
import { DroverError } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import type { Asking } from "../migration/ask-hosts.ts";
import { inParallel } from "./in-parallel.ts";
import { preflightServer } from "./preflight-server.ts";

/** Of a host that is to be emptied so many servers are asked about side by side. */
const SERVERS_ASKED_TOGETHER = 8;

/** The RPCs that say whether servers could move; they claim and change nothing. */
export function preflightHandlers(context: ConductorContext): readonly RpcHandler[] {
  const fleet = createFleet(context.store, context.clock);
  const asking = ({ context: rpc, signal }: RpcInfo): Asking => ({
    bus: context.bus,
    store: context.store,
    context: rpc,
    signal,
  });
  return [
    handle(migrationPreflight, async ({ server, host }, info) =>
      preflightServer(context, asking(info), await fleet.findServer(server), { host, untilFit: false }),
    ),
    handle(hostMigrationPreflight, async ({ host }, info) => {
      const known = (await fleet.hosts()).find(({ facts }) => facts.host === host);
      if (known === undefined) {
        throw new DroverError("not-found", `there is no host ${host}: see the list of hosts`, { details: { host } });
      }
      const servers = await inParallel(known.servers, SERVERS_ASKED_TOGETHER, async (server) => {
        const report = await preflightServer(context, asking(info), server, { host: null, untilFit: true });
        const { canMove, chosenHost, reason } = report;
        return { server: report.server, canMove, chosenHost, reason };
      });
      const canMove = servers.filter((server) => server.canMove).length;
      return { host, canMove, cannotMove: servers.length - canMove, servers: [...servers] };
    }),
  ];
}
