import type { MigrationDetail, MigrationView } from "@drover/contracts";
import { DroverError, IN_PROGRESS, MIGRATION_STATES, type MigrationState, SHOWN_STATUS, TERMINAL } from "@drover/model";
import type { MigrationFilter, Store } from "@drover/store";
import { type Fleet, isUuid } from "./fleet.ts";
import type { ProgressReader } from "./progress-reader.ts";
import { queuePlaces } from "./queue-places.ts";
import { viewLogEntry, viewMigration } from "./views.ts";

/** Which migrations; what is absent or null does not narrow. */
export interface MigrationQuery {
  /** Uuid or unambiguous name. */
  readonly server?: string | null | undefined;
  /** A state, or Nova's word for one. */
  readonly status?: string | null | undefined;
  /** Source or destination. */
  readonly host?: string | null | undefined;
  /** True: only those that are not over; false: only those that are. */
  readonly active?: boolean | null | undefined;
  /** Rows at most. @default 1000 */
  readonly limit?: number | null | undefined;
  /** Number or uuid of the last migration of the page before. */
  readonly marker?: string | null | undefined;
}

/** Migrations as everybody is shown them, with the newest progress that is to be had. */
export interface MigrationViews {
  /** The newest first. @throws `not-found` for an unknown server, `bad-request` for another value that names nothing */
  list(query: MigrationQuery): Promise<MigrationView[]>;
  /** One by number or uuid, with what happened to it. @throws `not-found` */
  detail(reference: string): Promise<MigrationDetail>;
}

export function createMigrationViews(sources: {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly readProgress: ProgressReader;
}): MigrationViews {
  const { store, fleet, readProgress } = sources;
  return {
    list: async (query) => {
      const migrations = await store.migrations.list(await filterOf(query, fleet));
      const [progress, places] = await Promise.all([readProgress(migrations), queuePlaces(store, migrations)]);
      return migrations.map((migration) => {
        const { uuid } = migration;
        return viewMigration(migration, progress.get(uuid), places.get(uuid));
      });
    },
    detail: async (reference) => {
      const migration = await fleet.findMigration(reference);
      const { uuid } = migration;
      const [progress, places, log] = await Promise.all([
        readProgress([migration]),
        queuePlaces(store, [migration]),
        store.migrations.readLog(uuid),
      ]);
      const view = viewMigration(migration, progress.get(uuid), places.get(uuid));
      return { migration: view, log: log.map(viewLogEntry) };
    },
  };
}

async function filterOf(query: MigrationQuery, fleet: Fleet): Promise<MigrationFilter> {
  const { server, status, host, active, limit, marker } = query;
  const states = statesOf(status ?? undefined, active ?? undefined);
  return {
    ...(server == null ? {} : { serverUuid: isUuid(server) ? server : (await fleet.findServer(server)).uuid }),
    ...(states === undefined ? {} : { states }),
    ...(host == null ? {} : { host }),
    ...(limit == null ? {} : { limit }),
    ...(marker == null ? {} : { marker: isUuid(marker) ? marker : (await fleet.findMigration(marker)).uuid }),
  };
}

function statesOf(status: string | undefined, active: boolean | undefined): MigrationState[] | undefined {
  if (status === undefined && active === undefined) return undefined;
  const wanted = MIGRATION_STATES.filter(
    (state) => status === undefined || state === status || SHOWN_STATUS[state] === status,
  );
  if (wanted.length === 0) {
    const known = [...new Set([...MIGRATION_STATES, ...Object.values(SHOWN_STATUS)])].join(", ");
    throw new DroverError("bad-request", `status: ${status} is none of ${known}`, { details: { status } });
  }
  if (active === undefined) return wanted;
  return wanted.filter((state) => (active ? IN_PROGRESS : TERMINAL).has(state));
}
