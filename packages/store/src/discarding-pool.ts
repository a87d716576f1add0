import { DroverError } from "@drover/model";
import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import pg from "pg";

/** SQLSTATE with which a standby, as which a former primary is there again after a failover, refuses to write. */
const READ_ONLY = "25006";

/**
 * A pool that does not take back a connection on which we gave up an answer: the server may still be at work on it, and
 * the next query would wait behind. Nor one to a server that only reads: after a failover the name leads to another one.
 */
export function discardingPool(pool: PostgresPool): PostgresPool {
  return {
    options: pool.options,
    connect: async () => new DiscardingClient(await pool.connect()),
    end: () => pool.end(),
  };
}

class DiscardingClient implements PostgresPoolClient {
  readonly #client: PostgresPoolClient;
  #broken = false;

  constructor(client: PostgresPoolClient) {
    this.#client = client;
  }

  query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    text: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== "string") throw new DroverError("internal", "the store reads no cursors");
    return this.#query<R>(text, parameters);
  }

  release(discard?: boolean): void {
    this.#client.release(discard === true || this.#broken);
  }

  async #query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      return await this.#client.query<R>(text, parameters);
    } catch (error) {
      // What the server answers leaves the connection usable, everything else does not.
      this.#broken ||= !(error instanceof pg.DatabaseError) || error.code === READ_ONLY;
      throw error;
    }
  }
}
