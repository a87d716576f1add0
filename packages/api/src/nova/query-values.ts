import { z } from "zod";
import { NovaFault } from "./nova-fault.ts";

/** A value of a query; of one that is repeated, the first. */
export const one = z.union([z.string(), z.array(z.string()).transform((values) => values[0] ?? "")]).optional();

/** All values of a key that may be repeated. */
export const many = z.union([z.string().transform((value) => [value]), z.array(z.string())]).optional();

/** A whole number, as `limit` is. */
export const count = z
  .string()
  .regex(/^[0-9]{1,9}$/, "a whole number")
  .transform(Number)
  .optional();

/** Nova's booleans in queries (oslo's `bool_from_string`). */
export const flag = z
  .string()
  .regex(/^(1|t|true|on|y|yes|0|f|false|off|n|no)$/i, "a boolean: true or false")
  .transform((value) => /^(1|t|true|on|y|yes)$/i.test(value))
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
