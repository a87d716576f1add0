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
/** What is not there yet just after a start is being connected to, ms. */
const CONNECTING_MS = 2_000;

interface Tracked {
  readonly check: () => Promise<void>;
  readonly addedAtMs: number;
  entry: ReadinessEntry;
  /** When it went away, where that was logged. */
  toldAwaySince: string | undefined;
}

/**
 * Watches until `signal` is aborted, and logs each change once: a broker that goes away is in the log even when nobody
 * asks `/readyz`, and so is one that is still away a while after the start. After that it still answers {@link Readiness.report}, but logs nothing.
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
    const ready = problem === null;
    const { since, ready: wasReady } = item.entry;
    const isChange = since === null || ready !== wasReady;
    item.entry = { ...item.entry, ready, problem, since: isChange ? clock.now().toISOString() : since };
    if (signal.aborted) return item.entry;
    if (ready && item.toldAwaySince !== undefined) {
      logger.info({ dependency: name, awaySince: item.toldAwaySince }, "a dependency is back");
      item.toldAwaySince = undefined;
    } else if (!ready && item.toldAwaySince === undefined && (wasReady || !isBeingConnected(item))) {
      logger.warn({ dependency: name, problem }, "a dependency is away; waiting for it");
      item.toldAwaySince = item.entry.since ?? undefined;
    }
    return item.entry;
  }

  const isBeingConnected = ({ addedAtMs }: Tracked) => clock.monotonicMs() - addedAtMs < CONNECTING_MS;

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
      const entry = { name, ready: false, essential, since: null, problem: null };
      tracked.set(name, { check, entry, addedAtMs: clock.monotonicMs(), toldAwaySince: undefined });
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
