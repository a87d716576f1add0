import type { MigrationDetail } from "@drover/api-client";
import type { Clock } from "@drover/model";
import type { WatchView } from "./watch-migration.ts";

export interface LineViewOptions {
  /** One line, without its end. A line equal to the one before is not written again. */
  readonly render: (detail: MigrationDetail) => string;
  readonly write: (line: string) => void;
  /** Where trouble is told. */
  readonly warn: (what: string) => void;
  readonly clock: Clock;
}

/**
 * One line per change, for logs and programs: a new state at once, numbers at most once a second. The last state that is
 * shown is always written.
 */
export function lineView({ render, write, warn, clock }: LineViewOptions): WatchView {
  let written: { readonly line: string; readonly state: string; readonly atMs: number } | undefined;
  let inTrouble = false;
  return {
    show: (detail) => {
      inTrouble = false;
      const line = render(detail);
      const { state } = detail.migration;
      const nowMs = clock.monotonicMs();
      if (written?.line === line) return;
      if (written?.state === state && nowMs - written.atMs < 1000) return;
      written = { line, state, atMs: nowMs };
      write(line);
    },
    trouble: (what) => {
      if (!inTrouble) warn(what);
      inTrouble = true;
    },
    end: () => {},
  };
}
