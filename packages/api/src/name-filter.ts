import { runInNewContext } from "node:vm";
import { type Clock, DroverError } from "@drover/model";
import { Allowance, tooMany } from "./auth/allowance.ts";

const MAX_PATTERN_LENGTH = 255;
const DEADLINE_MS = 100;
/** Patterns that were cut off, of one token: nobody else is answered while one is tried. */
const SLOW_PATTERNS = { burst: 3, perSecond: 0.1, maxKeys: 10_000 } as const;

/** Finds names by patterns, of which some take for ever. */
export interface NamePatterns {
  /**
   * Those of `names` that `pattern` matches anywhere, as Nova's `name` filter does. Text without special characters is
   * a plain search.
   *
   * A pattern can be made to take for ever (`(a+)+$`), so it runs under a deadline: V8 ends a regular expression when the
   * script that runs it is cut off.
   *
   * @param tokenId Whose it is.
   * @throws {DroverError} `bad-request` for a pattern that is malformed, too long or too slow; `too-many-requests` after too many
   *   that were too slow.
   */
  matching(names: readonly string[], pattern: string, tokenId: string): ReadonlySet<string>;
}

export function namePatterns(clock: Clock): NamePatterns {
  const slow = new Allowance({ ...SLOW_PATTERNS, clock });
  return {
    matching: (names, pattern, tokenId) => {
      if (!/[\\^$.*+?()[\]{}|]/.test(pattern)) return new Set(names.filter((name) => name.includes(pattern)));
      if (pattern.length > MAX_PATTERN_LENGTH) {
        throw new DroverError("bad-request", `name: the pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
      }
      const waitSeconds = slow.waitSeconds(tokenId);
      if (waitSeconds > 0) throw tooMany("name: too many patterns that took too long", waitSeconds);
      try {
        return matchingOf(names, pattern);
      } catch (cause) {
        if (isCutOff(cause)) slow.take(tokenId);
        throw new DroverError("bad-request", `name: ${JSON.stringify(pattern)} is no usable regular expression`, {
          cause,
        });
      }
    },
  };
}

/** Once more where it was cut off: its time passes also while another process has the processor. */
function matchingOf(names: readonly string[], pattern: string): ReadonlySet<string> {
  const script = "names.filter((name) => new RegExp(pattern).test(name))";
  const run = (): unknown => runInNewContext(script, { names, pattern }, { timeout: DEADLINE_MS });
  let matching: unknown;
  try {
    matching = run();
  } catch (error) {
    if (!isCutOff(error)) throw error;
    matching = run();
  }
  return new Set(Array.isArray(matching) ? matching.map(String) : []);
}

/** It may be an error of the script's own realm. */
function isCutOff(error: unknown): boolean {
  const isObject = typeof error === "object" && error !== null;
  return isObject && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}
