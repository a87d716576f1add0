import { InvalidArgumentError } from "commander";
import { parseName } from "./parse-name.ts";

/** Of an option that may be given several times: names. */
export function collectNames(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, parseName(text)];
}

/** Of an option that may be given several times: `key=value`. */
export function collectPairs(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must look like key=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
