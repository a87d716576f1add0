import { handle, type RpcHandler } from "@drover/bus";
import { getMigration, getServer, listHosts, listMigrations, listServers, MAX_PAGE_ROWS } from "@drover/contracts";
import { createFleet, createMigrationViews, progressReader, viewHost, viewServer } from "@drover/fleet";
import { type Clock, DroverError, type Logger } from "@drover/model";
import type { ProgressCache } from "@drover/progress";
import type { Store } from "@drover/store";

/**
 * The reading RPCs: the fleet as `/v1` shows it, for services that have only the bus. They answer in pages, since one
 * message holds only so much.
 */
export function fleetHandlers(sources: {
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly clock: Clock;
  readonly logger: Logger;
}): readonly RpcHandler[] {
  const { store, clock } = sources;
  const fleet = createFleet(store, clock);
  const migrations = createMigrationViews({ store, fleet, readProgress: progressReader(sources) });
  return [
    handle(listServers, async ({ host, name, marker, limit }) => {
      const most = limit ?? MAX_PAGE_ROWS;
      if (host == null && name == null) {
        // Of a fleet of any size a page costs the same.
        const last = marker == null ? undefined : ((await fleet.server(marker)) ?? noSuchMarker(marker));
        return { servers: (await fleet.serversAfter(last, most)).map(viewServer) };
      }
      const chosen = await fleet.servers({ host: host ?? undefined, name: name ?? undefined });
      const rest = marker == null ? chosen : afterServer(chosen, marker);
      return { servers: rest.slice(0, most).map(viewServer) };
    }),
    handle(getServer, async ({ server }) => ({ server: viewServer(await fleet.findServer(server)) })),
    handle(listHosts, async ({ marker, limit }) => {
      const hosts = await fleet.hosts();
      const rest = marker == null ? hosts : hosts.filter(({ facts }) => facts.host > marker);
      return { hosts: rest.slice(0, limit ?? MAX_PAGE_ROWS).map(viewHost) };
    }),
    handle(listMigrations, async (query) => ({ migrations: await migrations.list(query) })),
    handle(getMigration, async ({ migration }) => migrations.detail(String(migration))),
  ];
}

/** What comes after the server `marker` in the same listing. */
function afterServer<Server extends { readonly uuid: string }>(
  listed: readonly Server[],
  marker: string,
): readonly Server[] {
  const at = listed.findIndex(({ uuid }) => uuid === marker);
  return at >= 0 ? listed.slice(at + 1) : noSuchMarker(marker);
}

function noSuchMarker(marker: string): never {
  throw new DroverError("bad-request", `marker: the listing has no server ${marker}; start again without a marker`, {
    details: { field: "marker", marker },
  });
}
