/** The answer of one check before a migration. `message` is a whole sentence that names what and the remedy. */
export interface PreCheck {
  /** Stable name for programs, e.g. `cpu-compatible`, `name-free`, `memory-free`. */
  readonly check: string;
  readonly passed: boolean;
  readonly message: string;
}

/** The checks that did not pass, in order. */
export function failedChecks(checks: readonly PreCheck[]): readonly PreCheck[] {
  return checks.filter((check) => !check.passed);
}

/** Why the scheduler or the checks removed a host. */
export interface EliminatedHost {
  readonly host: string;
  /** The filter's or check's name. */
  readonly by: string;
  readonly reason: string;
}

/** How one weigher of the scheduler judged a host; the host's weight is the sum of `multiplier * score`. */
export interface HostWeight {
  readonly weigher: string;
  /** What was measured, larger being better. */
  readonly value: number;
  /** The value scaled to 0–1 over the hosts that were compared. */
  readonly score: number;
  readonly multiplier: number;
}

/** `2.5 (ram 1 x 0.5, incoming-migrations 2 x 1)`: why a host was preferred, for people. */
export function weightWords(weights: readonly HostWeight[]): string {
  const total = weights.reduce((sum, { multiplier, score }) => sum + multiplier * score, 0);
  const parts = weights.map(({ weigher, multiplier, score }) => `${weigher} ${multiplier} x ${rounded(score)}`);
  return `${rounded(total)} (${parts.join(", ")})`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
