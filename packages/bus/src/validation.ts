import { DroverError, type ErrorCode } from "@drover/model";
import type { CallContract, CastContract, Schema } from "./contract.ts";
import { isObject } from "./envelope.ts";

/** Checks a request against its contract. @throws {DroverError} `bad-request` naming the field. */
export function checkRequest<Request>(
  contract: CallContract<Request, unknown> | CastContract<Request>,
  request: unknown,
): Request {
  return check(contract.request, request, "bad-request", `the request ${contract.method}`);
}

/**
 * Checks a response on the side that gives it (`internal`: a bug of the handler) or takes it (`protocol`).
 *
 * Nothing and null are one value on the wire, so a schema for "nothing" of either kind passes.
 */
export function checkResponse<Response>(
  contract: CallContract<unknown, Response>,
  response: unknown,
  code: ErrorCode,
): Response {
  const what = `the response to ${contract.method}`;
  if (response !== null && response !== undefined) return check(contract.response, response, code, what);
  try {
    return contract.response.parse(null);
  } catch {
    return check(contract.response, undefined, code, what);
  }
}

/** The arguments of a request as oslo carries them: named. @throws {DroverError} `bad-request`. */
export function namedArguments(method: string, request: unknown): Record<string, unknown> {
  if (isObject(request)) return request;
  throw new DroverError("bad-request", `the request ${method} is not an object; arguments travel by name`);
}

function check<Value>(schema: Schema<Value>, value: unknown, code: ErrorCode, what: string): Value {
  try {
    return schema.parse(value);
  } catch (error) {
    const issue = firstIssue(error);
    if (issue === undefined) throw new DroverError(code, `${what} does not pass its schema`, { cause: error });
    const where = issue.field === "" ? what : `field \`${issue.field}\` of ${what}`;
    throw new DroverError(code, `${where}: ${issue.message}`, { details: { field: issue.field } });
  }
}

/** Reads the first issue of a zod error by its shape: the bus takes any schema and depends on no schema library. */
function firstIssue(error: unknown): { field: string; message: string } | undefined {
  if (!isObject(error) || !Array.isArray(error.issues)) return undefined;
  const issue: unknown = error.issues[0];
  if (!isObject(issue) || !Array.isArray(issue.path)) return undefined;
  return { field: issue.path.map(String).join("."), message: String(issue.message) };
}
