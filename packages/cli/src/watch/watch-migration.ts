import type { DroverClient, MigrationDetail, MigrationEvent } from "@drover/api-client";
import { type Clock, expectedStandstill } from "@drover/model";
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
  readonly client: Pick<DroverClient, "migrationEvents">;
  readonly migration: string | number;
  readonly view: WatchView;
  readonly clock: Clock;
  /** Ends the watching: rejects with its reason. The migration is left alone. */
  readonly signal: AbortSignal;
}

/**
 * Shows a migration until it is over or waits for a person (`error`), from its event stream; resolves with its last state.
 *
 * An API that is away is waited for as long as its client does; then the error is thrown. Whatever happens here, the
 * migration goes on.
 *
 * @throws {Error} when the stream ends before the migration does, which it does not by itself
 */
export async function watchMigration(options: WatchOptions): Promise<MigrationDetail> {
  const { client, migration, view, clock, signal } = options;
  const onTrouble = () => view.trouble("Drover's API does not answer, asking again");
  let detail: MigrationDetail | undefined;
  try {
    for await (const event of client.migrationEvents(migration, { signal, clock, onTrouble })) {
      detail = after(detail, event);
      if (detail === undefined) continue;
      view.show(detail);
      if (exitCodeOfState(detail.migration.state) !== undefined) return detail;
    }
  } finally {
    view.end();
  }
  throw new Error(
    `nothing more is heard of migration ${migration}; drover migration show ${migration} says how it stands`,
  );
}

/** What is known after an event. Place in the queue and numbers are not said again with each change. */
function after(before: MigrationDetail | undefined, { event, data }: MigrationEvent): MigrationDetail | undefined {
  if (event === "snapshot") return data;
  if (before === undefined) return undefined;
  if (event === "progress") {
    const progress = data.progress[0] ?? before.migration.progress;
    const { state, flags } = before.migration;
    const standstill = state === "running" ? expectedStandstill(progress, flags) : null;
    return { ...before, migration: { ...before.migration, progress, expectedStandstill: standstill } };
  }
  const { id: _id, migration, ...line } = data;
  const { queue, progress, expectedStandstill: standstill } = before.migration;
  const kept = {
    queue: migration.state === "queued" ? queue : null,
    progress: migration.progress ?? progress,
    expectedStandstill: migration.state === "running" ? standstill : null,
  };
  return { migration: { ...migration, ...kept }, log: [...before.log, line] };
}
