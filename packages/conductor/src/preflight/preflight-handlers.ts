import { handle, type RpcHandler, type RpcInfo } from "@drover/bus";
import { hostMigrationPreflight, migrationPreflight } from "@drover/contracts";
import { createFleet } from "@drover/fleet";
import { DroverError } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import type { Asking } from "../migration/ask-hosts.ts";
import { preflightHost } from "./preflight-host.ts";
import { preflightServer } from "./preflight-server.ts";

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
    handle(migrationPreflight, async ({ server, host }, info) => {
      const known = await fleet.findServer(server);
      const { memoryLeftKiB: _, ...report } = await preflightServer(context, asking(info), known, {
        host,
        untilFit: false,
      });
      return report;
    }),
    handle(hostMigrationPreflight, async ({ host }, info) => {
      const known = (await fleet.hosts()).find(({ facts }) => facts.host === host);
      if (known === undefined) {
        throw new DroverError("not-found", `there is no host ${host}: see the list of hosts`, { details: { host } });
      }
      return await preflightHost(context, asking(info), host, known.servers);
    }),
  ];
}
