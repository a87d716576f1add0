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
