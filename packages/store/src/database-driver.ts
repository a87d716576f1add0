import type { Kysely, RawBuilder, SelectQueryBuilder, Transaction } from "kysely";
import type { SchemaWords } from "./schema/schema-change.ts";
import type { Tables } from "./schema/tables.ts";

/** What a query's failure means for the caller; anything else is a bug of ours. */
export type QueryFailure =
  /** Another writer was in the way and nothing was written: the same transaction may be tried again. */
  | "contended"
  /** The database is away, shutting down, full or out of connections. */
  | "unavailable"
  /** What is stored cannot be read any more, or was never a database. */
  | "damaged"
  | "internal";

/** Everything in which the two databases differ, beyond the SQL dialect that Kysely knows. */
export interface DatabaseDriver {
  readonly kysely: Kysely<Tables>;
  /** For logs and messages: a path, or host, port and database name. Never a password. */
  readonly label: string;
  readonly schemaWords: SchemaWords;
  /** Settings of the database that must be in force before its schema is touched. */
  prepare(db: Kysely<Tables>): Promise<void>;
  /**
   * Holds `scope` until the transaction ends; a second transaction with the same scope waits. What is read after it
   * includes everything that earlier holders committed.
   */
  lock(transaction: Transaction<Tables>, scope: string): Promise<void>;
  /** Locks the rows that `query` finds until the transaction ends, passing over those that another one has locked. */
  skipLocked<O>(query: SelectQueryBuilder<Tables, "migrations", O>): SelectQueryBuilder<Tables, "migrations", O>;
  /** What `query` finds stays as it was read until the transaction ends: writers wait. */
  keepFromWriters<O>(query: SelectQueryBuilder<Tables, "migrations", O>): SelectQueryBuilder<Tables, "migrations", O>;
  /**
   * Names of the transactions that have written to `migration_log`, or are about to, and have not ended. Empty where lines are
   * seen in the order of their ids in any case.
   */
  writersOfLog(db: Kysely<Tables>): Promise<readonly string[]>;
  /** A `with` may hold statements that write: what belongs together is then one statement, and one round trip. */
  readonly writesInWith: boolean;
  /** In a statement that writes: the revision of what it writes. */
  readonly revision: RawBuilder<number>;
  /** In a statement that reads: everything that it does not see gets this revision or a larger one. */
  readonly nextRevision: RawBuilder<number>;
  /**
   * In a statement that reads: everything that it sees has a smaller revision. A larger one is from another cluster, whose contents
   * were restored into this one.
   */
  readonly revisionsEnd: RawBuilder<number>;
  /** A table expression with one column `value`: the elements of a JSON array, objects as JSON, for use in `from`. */
  jsonObjects(elements: readonly object[]): RawBuilder<unknown>;
  /** The same for an array of strings, each as text. */
  jsonTexts(elements: readonly string[]): RawBuilder<unknown>;
  classify(error: unknown): QueryFailure;
}
