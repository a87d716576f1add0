import { runInNewContext } from "node:vm";
import { DroverError } from "@drover/model";

const MAX_PATTERN_LENGTH = 255;
const DEADLINE_MS = 100;

/**
 * Those of `names` that `pattern` matches anywhere, as Nova's `name` filter does. Text without special characters is
 * a plain search.
 *
 * A pattern can be made to take for ever (`(a+)+$`), so it runs under a deadline: V8 ends a regular expression when the
 * script that runs it is cut off.
 *
 * @throws {DroverError} `bad-request` for a pattern that is malformed, too long or too slow.
 */
export function matchingNames(names: readonly string[], pattern: string): ReadonlySet<string> {
  if (!/[\\^$.*+?()[\]{}|]/.test(pattern)) return new Set(names.filter((name) => name.includes(pattern)));
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new DroverError("bad-request", `name: the pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  try {
    const script = "names.filter((name) => new RegExp(pattern).test(name))";
    const matching: unknown = runInNewContext(script, { names, pattern }, { timeout: DEADLINE_MS });
    return new Set(Array.isArray(matching) ? matching.map(String) : []);
  } catch (cause) {
    throw new DroverError("bad-request", `name: ${JSON.stringify(pattern)} is no usable regular expression`, { cause });
  }
}
