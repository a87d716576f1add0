import { InvalidArgumentError } from "commander";

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const AGE = /^([1-9]\d{0,4})([mhd])$/;

/** A time as people say it: `30d` (`h`, `m`) is that long before or after now, anything else a date. */
export type SaidTime = { readonly distanceMs: number } | { readonly at: Date };

export function parseTime(text: string): SaidTime {
  const [, number, unit = ""] = AGE.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  if (number !== undefined && unitMs !== undefined) return { distanceMs: Number(number) * unitMs };
  const at = new Date(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError("It must look like 90m, 12h, 30d or 2026-01-31T12:00:00Z.");
  }
  return { at };
}

export function timeAfter(now: Date, said: SaidTime): string {
  return ("at" in said ? said.at : new Date(now.getTime() + said.distanceMs)).toISOString();
}

export function timeBefore(now: Date, said: SaidTime): string {
  return ("at" in said ? said.at : new Date(now.getTime() - said.distanceMs)).toISOString();
}
