import type { MigrationDetail, MigrationView } from "@drover/api-client";
import { isLively } from "../cli-io.ts";
import type { CommandContext } from "../command-context.ts";
import { CliError, EXIT, exitCodeOfState } from "../exit-code.ts";
import { outcomeSentence } from "../format/migration-words.ts";
import { printable } from "../format/printable.ts";
import { progressLine } from "../format/progress-line.ts";
import { barView } from "./bar-view.ts";
import { lineView } from "./line-view.ts";
import { type WatchView, watchMigration } from "./watch-migration.ts";

/**
 * Watches a migration in the form that was asked for and says how it ended; resolves with the exit code of its outcome.
 *
 * @throws {CliError} `interrupted` on Ctrl-C: the migration goes on, and the message says how to come back to it.
 */
export async function watchCommand(context: CommandContext, { id, server }: MigrationView): Promise<number> {
  const { io } = context;
  const stop = new AbortController();
  const forget = io.onInterrupt(() =>
    stop.abort(
      new CliError(
        EXIT.interrupted,
        `no longer watching; migration ${id} of ${server.name} goes on (drover migration watch ${id}, drover migration abort ${id})`,
      ),
    ),
  );
  try {
    const client = context.client(stop.signal);
    const view = viewFor(context);
    const { migration } = await watchMigration({ client, migration: id, view, clock: io.clock, signal: stop.signal });
    if (context.document === undefined) tellOutcome(context, migration);
    return exitCodeOfState(migration.state) ?? EXIT.error;
  } finally {
    forget();
  }
}

function viewFor({ io, document }: CommandContext): WatchView {
  if (document === undefined && isLively(io)) return barView(io);
  const { clock } = io;
  const warn = (what: string) => void io.stderr.write(`drover: ${what}\n`);
  const write = (line: string) => void io.stdout.write(`${line}\n`);
  return document !== undefined
    ? lineView({ render: changing(document), write: (text) => void io.stdout.write(text), warn, clock })
    : lineView({
        render: ({ migration }) => progressLine(migration),
        write: (line) => write(`${clock.now().toISOString().slice(11, 19)}  ${line}`),
        warn,
        clock,
      });
}

/** /v1's answer, a document for each change; the growing age of the same numbers alone is none. */
function changing(document: (data: unknown) => string): (detail: MigrationDetail) => string {
  let last = { facts: "", text: "" };
  return (detail) => {
    const facts = JSON.stringify(detail, (key, value: unknown) => (key === "ageMs" ? undefined : value));
    if (facts !== last.facts) last = { facts, text: document(detail) };
    return last.text;
  };
}

function tellOutcome({ io }: CommandContext, migration: MigrationView): void {
  const sentence = printable(outcomeSentence(migration, io.clock.now()));
  const bad = migration.state === "failed" || migration.state === "error";
  if (bad) io.stderr.write(`drover: ${sentence}\n`);
  else io.stdout.write(`${sentence}\n`);
}
