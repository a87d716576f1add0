import type { TypedParam } from "./procedures/shared-structures.ts";

/** A 64-bit value as a number, or undefined if a number cannot hold it exactly. */
export function exactNumber(value: bigint): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * The first parameter of that name as a number: integers of every width, doubles, and booleans as 0 and 1. Undefined if
 * it is absent, a string, or too large for a number to hold exactly.
 */
export function numberParam(params: readonly TypedParam[], field: string): number | undefined {
  const value = params.find((param) => param.field === field)?.value;
  if (value === undefined) return undefined;
  switch (value.type) {
    case "llong":
    case "ullong":
      return exactNumber(value.value);
    case "boolean":
      return value.value ? 1 : 0;
    case "string":
      return undefined;
    default:
      return value.value;
  }
}

/** The first parameter of that name, if it is a string. */
export function stringParam(params: readonly TypedParam[], field: string): string | undefined {
  const value = params.find((param) => param.field === field)?.value;
  return value?.type === "string" ? value.value : undefined;
}

/** The first parameter of that name, if it is a boolean. */
export function booleanParam(params: readonly TypedParam[], field: string): boolean | undefined {
  const value = params.find((param) => param.field === field)?.value;
  return value?.type === "boolean" ? value.value : undefined;
}

/** Every string of that name: lists are repeated parameters (VIR_MIGRATE_PARAM_MIGRATE_DISKS, 1.2.17). */
export function stringParams(params: readonly TypedParam[], field: string): readonly string[] {
  return params.flatMap((param) => (param.field === field && param.value.type === "string" ? [param.value.value] : []));
}
