import { ApiError } from "@drover/api-client";
import { errorChain } from "@drover/model";
import { printable } from "./format/printable.ts";

/** An error as one line for people: what, why and the remedy; no stack. */
export function errorLine(error: unknown): string {
  return `drover: ${printable(messageOf(error))}`;
}

/** An error for programs, in the shape of /v1. */
export function errorJson(error: unknown): { readonly error: Readonly<Record<string, unknown>> } {
  if (error instanceof ApiError) {
    const { code, message, details, requestId } = error;
    return { error: { code, message, details, requestId } };
  }
  const code = error instanceof Error && error.name === "ApiUnreachableError" ? "unreachable" : "cli";
  return { error: { code, message: messageOf(error), details: {}, requestId: null } };
}

function messageOf(error: unknown): string {
  if (error instanceof ApiError) return apiMessage(error);
  // The client's own message already holds the network's reason in words.
  return error instanceof Error && error.name === "ApiUnreachableError" ? error.message : errorChain(error);
}

/** What to do next where the API, which does not know who reads it, cannot say it in terms of this command. */
const REMEDIES: Readonly<Record<string, string>> = {
  unauthenticated: "log in with `drover login URL`, or name a token with --token or DROVER_TOKEN",
};

/** The lists that say why, where the message does not hold them already; the request id where only a log can help. */
function apiMessage(error: ApiError): string {
  const reasons = [...rowsOf(error.details.checks), ...rowsOf(error.details.eliminated)]
    .filter((row) => row.passed !== true)
    .map((row) => [row.host, row.message ?? row.reason].filter((part) => typeof part === "string").join(": "))
    .filter((reason) => reason !== "" && !error.message.includes(reason));
  const remedy = REMEDIES[error.code];
  const request = error.code === "internal" && error.requestId !== null ? ` (request ${error.requestId})` : "";
  return [error.message, ...new Set(reasons), ...(remedy === undefined ? [] : [remedy])].join("; ") + request;
}

function rowsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter((row) => typeof row === "object" && row !== null) : [];
}
