import { z } from "zod";
import { NovaFault } from "./nova-fault.ts";

/** A value of a query; of one that is repeated, the first. */
export const one = z.union([z.string(), z.array(z.string()).transform((values) => values[0] ?? "")]).optional();

/** A whole number, as `limit` is. */
export const count = z
  .string()
  .regex(/^[0-9]{1,9}$/, "a whole number")
  .transform(Number)
  .optional();

/** A time in ISO 8601. */
export const time = z
  .string()
  .refine((value) => !Number.isNaN(Date.parse(value)), "a time in ISO 8601")
  .transform(asUtc)
  .optional();

/** Nova reads a time without a zone as UTC. */
function asUtc(value: string): Date {
  return new Date(/T.*(Z|[+-]\d\d:?\d\d)$/i.test(value) || !value.includes("T") ? value : `${value}Z`);
}

/** @throws {NovaFault} 400 when nothing can lie between the two. */
export function requireOrder(since: Date | undefined, before: Date | undefined): void {
  if (since !== undefined && before !== undefined && before < since) {
    throw new NovaFault(400, "The value of changes-since must be less than or equal to changes-before.");
  }
}
