import { isUuid } from "@drover/fleet";
import { isDroverError, MIGRATION_STATES, type Migration, SHOWN_STATUS } from "@drover/model";
import type { MigrationFilter } from "@drover/store";
import { z } from "zod";
import { baseUrl, nextLink, resourceLinks } from "./links.ts";
import { SINCE } from "./microversion.ts";
import type { NovaRoutes } from "./nova-context.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseQuery } from "./nova-validation.ts";
import { count, one, requireOrder, time } from "./query-values.ts";
import { MAX_PAGE } from "./server-filter.ts";
import { isListed, migrationFields } from "./server-migration-view.ts";

const base = z.object({
  status: one,
  instance_uuid: one,
  migration_type: one,
  hidden: one,
  host: one,
  source_compute: one,
});
const paged = base.extend({ limit: count, marker: one, "changes-since": time });

/** What each version lets a client ask; a key that it does not know is ignored below 2.59 and refused from there on. */
const queries = [
  {
    since: SINCE.migrationOwner,
    schema: paged.extend({ "changes-before": time, user_id: one, project_id: one }).strict(),
  },
  { since: SINCE.changesBefore, schema: paged.extend({ "changes-before": time }).strict() },
  { since: SINCE.migrationPaging, schema: paged.strict() },
  { since: 0, schema: base },
];

type MigrationQuery = z.output<(typeof queries)[number]["schema"]> &
  Partial<z.output<typeof paged>> & { "changes-before"?: Date; user_id?: string; project_id?: string };

/** `GET /os-migrations` */
export const osMigrationRoutes: NovaRoutes = (app, { dependencies }) => {
  app.get("/os-migrations", async (request) => {
    const minor = request.novaMinor;
    const query = parseMigrationQuery(request.query, minor);
    const limit = Math.min(query.limit ?? MAX_PAGE, MAX_PAGE);
    const filter = filterOf(query);
    // One more than the page, to know whether there is a next one.
    const found = filter === undefined ? [] : await list({ ...filter, limit: limit + 1 });
    const rows = found.slice(0, limit);
    const last = rows.at(-1);
    const links =
      minor >= SINCE.migrationPaging && last !== undefined && found.length > limit
        ? { migrations_links: [nextLink(request, last.uuid)] }
        : {};
    return { migrations: rows.map((migration) => view(migration, minor, baseUrl(request))), ...links };
  });

  async function list(filter: MigrationFilter): Promise<readonly Migration[]> {
    try {
      return await dependencies.store.migrations.list(filter);
    } catch (error) {
      if (isDroverError(error, "bad-request")) throw new NovaFault(400, `Marker ${filter.marker} could not be found.`);
      throw error;
    }
  }
};

function parseMigrationQuery(input: unknown, minor: number): MigrationQuery {
  const schema = queries.find((candidate) => minor >= candidate.since)?.schema ?? base;
  const query: MigrationQuery = parseQuery(schema, input);
  requireOrder(query["changes-since"], query["changes-before"]);
  return query;
}

/** `undefined` when nothing can match. */
function filterOf(query: MigrationQuery): MigrationFilter | undefined {
  const { status, instance_uuid: serverUuid, migration_type: type, hidden, host, marker } = query;
  if (type !== undefined && type !== "live-migration") return undefined;
  if (hidden !== undefined && /^(true|1|yes|on)$/i.test(hidden)) return undefined;
  if (serverUuid !== undefined && !isUuid(serverUuid)) return undefined;
  if (marker !== undefined && !isUuid(marker)) throw new NovaFault(400, `Marker ${marker} could not be found.`);
  return definedOnly({
    serverUuid,
    host,
    // Nova ignores it beside `host`.
    sourceHost: host === undefined ? query.source_compute : undefined,
    states: status === undefined ? undefined : MIGRATION_STATES.filter((state) => SHOWN_STATUS[state] === status),
    marker,
    changedSince: query["changes-since"],
    changedBefore: query["changes-before"],
    userId: query.user_id,
    projectId: query.project_id,
  });
}

function definedOnly(filter: { [Key in keyof MigrationFilter]: MigrationFilter[Key] | undefined }): MigrationFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function view(migration: Migration, minor: number, baseAddress: string): object {
  const path = `/servers/${migration.serverUuid}/migrations/${migration.id}`;
  return {
    ...migrationFields(migration, minor),
    instance_uuid: migration.serverUuid,
    old_instance_type_id: null,
    new_instance_type_id: null,
    ...(minor >= SINCE.serverMigrations ? { migration_type: "live-migration" } : {}),
    ...(minor >= SINCE.serverMigrations && isListed(migration) ? { links: resourceLinks(baseAddress, path) } : {}),
  };
}
