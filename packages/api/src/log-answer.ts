import type { Logger } from "@drover/model";
import type { FastifyRequest } from "fastify";

/** What there is not, which is no failure of ours. */
const NOT_IMPLEMENTED = 501;

/** Refusals are logged with their reason, our own failures as errors. */
export function logAnswer(logger: Logger, request: FastifyRequest, status: number, err: unknown): void {
  const fields = { requestId: request.id, method: request.method, route: request.routeOptions.url ?? null, status };
  if (status >= 500 && status !== NOT_IMPLEMENTED) logger.error({ ...fields, err }, "a request failed");
  else logger.info({ ...fields, reason: err instanceof Error ? err.message : String(err) }, "a request was refused");
}
