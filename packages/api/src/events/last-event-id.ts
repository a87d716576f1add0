import { DroverError } from "@drover/model";
import type { FastifyRequest } from "fastify";

/**
 * The id of the last change that a reader has; undefined where it names none. Browsers send the header by themselves when they
 * connect again; who cannot set headers uses the query.
 *
 * @throws {DroverError} `bad-request` for one that is no number.
 */
export function lastEventId(
  { headers }: Pick<FastifyRequest, "headers">,
  named: string | undefined,
): number | undefined {
  const header = headers["last-event-id"];
  const text = (typeof header === "string" && header !== "" ? header : named) ?? "";
  if (text === "") return undefined;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  const message = "Last-Event-ID: must be the id of an event, a whole number; leave it out to begin with a snapshot";
  throw new DroverError("bad-request", message, { details: { field: "Last-Event-ID", value: text } });
}
