import pg from "pg";
import type { QueryFailure } from "./database-driver.ts";

/** SQLSTATE codes after which the same transaction may be tried again: serialization failure, deadlock, lock timeout. */
const CONTENDED = new Set(["40001", "40P01", "55P03"]);

/**
 * SQLSTATE classes and codes that tell of the server, not of our query: connection (08), credentials (28: they are
 * rotated while we run), resources (53), operator intervention (57: shutdown, start-up, statement timeout), idle
 * transaction ended (25P03), a standby after a fail-over (25006), database missing (3D000).
 * PostgreSQL's documentation, appendix A.
 */
const UNAVAILABLE = /^(08|28|53|57|58)|^(25P03|25006|3D000)$/;

/** Codes of Node's sockets and name resolution. */
const NETWORK = /^(E(CONN|HOST|NET|PIPE|TIMEDOUT|AI_|NOTFOUND|ADDR)|ERR_(SSL|TLS)|ENOENT$)/;

/** What `pg` 8 says without any code when a connection breaks, is not had in time or does not answer. */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered|was closed)|Cannot use a pool after|The server does not support SSL)/;

/** What a failure of PostgreSQL or of the way to it means. */
export function classifyPostgresError(error: unknown): QueryFailure {
  if (error instanceof pg.DatabaseError) {
    const sqlState = error.code ?? "";
    if (CONTENDED.has(sqlState)) return "contended";
    return UNAVAILABLE.test(sqlState) ? "unavailable" : "internal";
  }
  if (!(error instanceof Error)) return "internal";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return NETWORK.test(code) || CONNECTION_LOST.test(error.message) ? "unavailable" : "internal";
}
