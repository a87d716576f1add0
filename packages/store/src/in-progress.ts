import { IN_PROGRESS, type MigrationState, TERMINAL } from "@drover/model";
import { type RawBuilder, sql } from "kysely";

const terminal = [...TERMINAL].map((state) => sql.lit(state));

/**
 * True for migrations in progress, in the very words of the schema's partial indexes. With bound values in their place
 * neither database could tell that such an index covers the query, and would read the whole history.
 */
export function isInProgress(): RawBuilder<boolean> {
  return sql<boolean>`state not in (${sql.join(terminal)})`;
}

/** Whether all of `states` are in progress, so that {@link isInProgress} may be asked besides. */
export function areInProgress(states: readonly MigrationState[]): boolean {
  return states.every((state) => IN_PROGRESS.has(state));
}
