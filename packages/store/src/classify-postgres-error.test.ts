import pg from "pg";
import { expect, it } from "vitest";
import { classifyPostgresError } from "./classify-postgres-error.ts";

function fromServer(sqlState: string): Error {
  const error = new pg.DatabaseError("the server's words", 1, "error");
  error.code = sqlState;
  return error;
}

function fromNode(code: string): Error {
  return Object.assign(new Error("a socket's words"), { code });
}

it.each([
  ["a deadlock", fromServer("40P01"), "contended"],
  ["a serialization failure", fromServer("40001"), "contended"],
  ["a shutdown", fromServer("57P01"), "unavailable"],
  ["a start-up", fromServer("57P03"), "unavailable"],
  ["too many connections", fromServer("53300"), "unavailable"],
  ["a wrong password", fromServer("28P01"), "unavailable"],
  ["a missing database", fromServer("3D000"), "unavailable"],
  ["a standby", fromServer("25006"), "unavailable"],
  ["a missing table", fromServer("42P01"), "internal"],
  ["a broken constraint", fromServer("23505"), "internal"],
  ["a refused connection", fromNode("ECONNREFUSED"), "unavailable"],
  ["an unknown name", fromNode("ENOTFOUND"), "unavailable"],
  ["a name server that is away", fromNode("EAI_AGAIN"), "unavailable"],
  ["a broken connection", new Error("Connection terminated unexpectedly"), "unavailable"],
  ["an answer that never came", new Error("Query read timeout"), "unavailable"],
  ["a pool that is exhausted", new Error("timeout exceeded when trying to connect"), "unavailable"],
  ["a bug", new TypeError("undefined is not a function"), "internal"],
  ["no error at all", "text", "internal"],
] as const)("%s is told apart", (_what, error, expected) => {
  expect(classifyPostgresError(error)).toBe(expected);
});
