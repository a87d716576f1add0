import { ApiError, ApiUnreachableError, type DroverClient, type MigrationDetail } from "@drover/api-client";
import type { Clock } from "@drover/model";
import { exitCodeOfState } from "../exit-code.ts";

/** What shows a watched migration: a moving bar, plain lines, or lines of JSON. */
export interface WatchView {
  show(detail: MigrationDetail): void;
  /** The API does not answer just now; it is asked again. */
  trouble(what: string): void;
  /** Nothing more comes; the terminal is left as it was. Safe to call twice. */
  end(): void;
}

export interface WatchOptions {
  /** Its calls must end with the same `signal`. */
  readonly client: DroverClient;
  readonly migration: string | number;
  readonly view: WatchView;
  readonly clock: Clock;
  /** Ends the watching: rejects with its reason. The migration is left alone. */
  readonly signal: AbortSignal;
  /** Between an answer and the next question, ms. @default 500 */
  readonly intervalMs?: number;
  /** Silence of the API that is borne, ms: a restart of it must not end the watching. @default 30000 */
  readonly patienceMs?: number;
}

/**
 * Shows a migration until it is over or waits for a person (`error`); resolves with its last state.
 *
 * While the API is away it is asked again for `patienceMs`; then the error is thrown. Whatever happens here, the migration
 * goes on.
 */
export async function watchMigration(options: WatchOptions): Promise<MigrationDetail> {
  const { client, migration, view, clock, signal, intervalMs = 500, patienceMs = 30_000 } = options;
  let answeredAtMs = clock.monotonicMs();
  try {
    for (;;) {
      try {
        const detail = await client.migration(migration);
        answeredAtMs = clock.monotonicMs();
        view.show(detail);
        if (exitCodeOfState(detail.migration.state) !== undefined) return detail;
      } catch (error) {
        if (!isPassing(error) || clock.monotonicMs() - answeredAtMs >= patienceMs) throw error;
        view.trouble("Drover's API does not answer, asking again");
      }
      await clock.sleep(intervalMs, signal);
    }
  } catch (error) {
    // An aborted sleep rejects with an AbortError that holds the reason; the caller wants the reason itself.
    signal.throwIfAborted();
    throw error;
  } finally {
    view.end();
  }
}

/** May be over in a moment: nobody there, or a part of Drover that starts again. */
function isPassing(error: unknown): boolean {
  return error instanceof ApiUnreachableError || (error instanceof ApiError && error.status >= 502);
}
