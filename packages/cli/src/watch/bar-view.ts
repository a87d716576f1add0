import { styleText } from "node:util";
import type { MigrationDetail, MigrationView } from "@drover/api-client";
import { SingleBar } from "cli-progress";
import { type CliIo, speaksUnicode, wantsColor } from "../cli-io.ts";
import { percentDone } from "../format/migration-words.ts";
import { progressBar } from "../format/progress-bar.ts";
import type { WatchView } from "./watch-migration.ts";

/** For a terminal that does not know its width: some report 0. */
const USUAL_COLUMNS = 80;

type State = MigrationView["state"];

/** A bar that moves in place on a terminal; when it ends, its last picture stays. */
export function barView(io: CliIo): WatchView {
  const paint = wantsColor(io) ? paintState : (_state: State, text: string) => text;
  const unicode = speaksUnicode(io.env);
  let shown: { readonly migration: MigrationView; readonly trouble?: string } | undefined;
  const bar = new SingleBar({
    stream: io.stdout,
    format: () =>
      shown === undefined
        ? ""
        : progressBar(shown.migration, shown.trouble, { columns: io.stdout.columns || USUAL_COLUMNS, unicode, paint }),
    hideCursor: true,
    // Signals are ours: Ctrl-C must say that the migration goes on.
    gracefulExit: false,
  });
  let started = false;
  const draw = (): void => {
    if (shown === undefined) return;
    if (!started) bar.start(100, percentDone(shown.migration));
    else bar.update(percentDone(shown.migration));
    started = true;
  };
  return {
    show: ({ migration }: MigrationDetail) => {
      shown = { migration };
      draw();
    },
    trouble: (what) => {
      if (shown !== undefined) shown = { ...shown, trouble: what };
      draw();
    },
    end: () => {
      if (started) bar.stop();
      started = false;
      shown = undefined;
    },
  };
}

function paintState(state: State, text: string): string {
  return styleText(colorOf(state), text, { validateStream: false });
}

function colorOf(state: State): "green" | "red" | "yellow" | "cyan" {
  switch (state) {
    case "completed":
    case "post-migrating":
      return "green";
    case "failed":
    case "error":
      return "red";
    case "cancelled":
    case "rolling-back":
    case "unknown":
    case "post-copy-paused":
      return "yellow";
    default:
      return "cyan";
  }
}
