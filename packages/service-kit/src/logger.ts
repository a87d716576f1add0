import { errorChain, isDroverError, type Logger } from "@drover/model";
import { type DestinationStream, pino } from "pino";
import { redactSecrets } from "./redact.ts";

export interface LoggerOptions {
  /** On every line, as `service`. */
  readonly service: string;
  readonly level: "debug" | "info" | "warn" | "error";
  /** @default standard output */
  readonly destination?: DestinationStream;
}

/** Field names whose values never belong in a log, at the top and one level down. */
const secretFields = ["password", "secret", "token", "authorization", "cookie"];

/**
 * A pino logger: one JSON object a line, times in ISO 8601. Secrets are kept out twice: fields of telling names are
 * censored, and passwords in URLs are cut out of the finished line, wherever they came from.
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level,
      base: { service: options.service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: "***" },
      serializers: { err: describeError },
      hooks: { streamWrite: redactSecrets },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
}

/** An error as a log field: the chain on one line, and the stack of what was thrown last. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return {
    type: error.name,
    message: errorChain(error),
    stack: error.stack,
    ...(isDroverError(error) ? { code: error.code, details: error.details } : {}),
  };
}
