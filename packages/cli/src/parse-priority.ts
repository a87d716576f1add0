import { InvalidArgumentError } from "commander";

/** A priority as `/v1` takes it. */
export function parsePriority(text: string): number {
  const priority = /^[+-]?[0-9]{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(priority) <= 100) return priority;
  throw new InvalidArgumentError("It must be a whole number from -100 to 100.");
}
