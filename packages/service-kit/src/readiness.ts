import { type Clock, errorChain, type Logger } from "@drover/model";
import { redactSecrets } from "./redact.ts";

/** What `/readyz` says about one thing that the process needs. */
export interface ReadinessEntry {
  readonly name: string;
  readonly ready: boolean;
  /** False for what the process can do its work without, if less well. */
  readonly essential: boolean;
  /** Since when it is ready or away; null until it was looked at. */
  readonly since: string | null;
  /** Why it is not ready. */
  readonly problem: string | null;
}

/** What a process needs to do its work. Being unready stops nothing: work goes on when the other side is back. */
export interface Readiness {
  /**
   * `check` rejects while the thing is away; it is asked every five seconds and by `/readyz`. With `essential: false` its
   * absence is told, but the process still counts as ready. @default essential true
   */
  add(name: string, check: () => Promise<void>, options?: { readonly essential?: boolean }): void;
  /** Asks all checks now, each for two seconds at most. */
  report(): Promise<readonly ReadinessEntry[]>;
}

const CHECK_DEADLINE_MS = 2_000;
const CHECK_INTERVAL_MS = 5_000;

interface Tracked {
  readonly check: () => Promise<void>;
  entry: ReadinessEntry;
}

/**
 * Watches until `signal` is aborted, and logs each change once: a broker that goes away is in the log even when nobody
 * asks `/readyz`. After that it still answers {@link Readiness.report}, but logs nothing.
 */
export function watchReadiness(options: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Readiness {
  const { clock, logger, signal } = options;
  const tracked = new Map<string, Tracked>();

  async function look(name: string, item: Tracked): Promise<ReadinessEntry> {
    const problem = await problemOf(item.check, clock);
    const before = item.entry;
    if (before.since !== null && before.ready === (problem === null)) {
      item.entry = { ...before, problem };
      return item.entry;
    }
    item.entry = { ...before, ready: problem === null, since: clock.now().toISOString(), problem };
    if (signal.aborted) return item.entry;
    if (problem !== null) logger.warn({ dependency: name, problem }, "a dependency is away; waiting for it");
    else if (before.since !== null) logger.info({ dependency: name, awaySince: before.since }, "a dependency is back");
    return item.entry;
  }

  const report = (): Promise<ReadinessEntry[]> => Promise.all([...tracked].map(([name, item]) => look(name, item)));

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      await report();
      await clock.sleep(CHECK_INTERVAL_MS, signal).catch(() => {});
    }
  }

  let watching = false;
  return {
    add(name, check, { essential = true } = {}) {
      tracked.set(name, { check, entry: { name, ready: false, essential, since: null, problem: null } });
      if (watching) return;
      watching = true;
      void watch();
    },
    report,
  };
}

async function problemOf(check: () => Promise<void>, clock: Clock): Promise<string | null> {
  const ended = new AbortController();
  try {
    await Promise.race([
      check(),
      clock.sleep(CHECK_DEADLINE_MS, ended.signal).then(() => {
        throw new Error(`no answer within ${CHECK_DEADLINE_MS} ms`);
      }),
    ]);
    return null;
  } catch (error) {
    return redactSecrets(errorChain(error));
  } finally {
    ended.abort();
  }
}

/** One word for all checks, and whether the process counts as ready. */
export function summarizeReadiness(checks: readonly ReadinessEntry[]): {
  readonly status: "ready" | "degraded" | "waiting";
  readonly ready: boolean;
} {
  if (checks.some((check) => check.essential && !check.ready)) return { status: "waiting", ready: false };
  return { status: checks.every((check) => check.ready) ? "ready" : "degraded", ready: true };
}
