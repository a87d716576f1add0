import { once } from "node:events";
import type { FleetEvent } from "@drover/api-client";
import type { Command } from "commander";
import type { CommandContext, CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { changeLine } from "../format/change-line.ts";
import { progressLine } from "../format/progress-line.ts";
import { parseWhole } from "../policy-options.ts";
import { runCommand } from "../run-command.ts";

interface EventsOptions {
  readonly after: number;
  readonly progress: boolean;
}

export function addEventsCommand(program: Command, host: CommandHost): void {
  program
    .command("events")
    .description("what happens to all migrations, as it happens, until Ctrl-C")
    .option(
      "--after <event>",
      "begin with what came after this event (its number); without it only what is new",
      parseWhole,
    )
    .option("--progress", "with --output json or yaml: the numbers of all copies too, once a second", false)
    .action(runCommand<EventsOptions>(host, async (context, _argument, options) => await showEvents(context, options)));
}

async function showEvents(
  context: CommandContext,
  { after, progress = false }: Partial<EventsOptions>,
): Promise<number> {
  const { io, document } = context;
  const forPrograms = document !== undefined;
  const stop = new AbortController();
  const forget = io.onInterrupt(() => stop.abort(new CliError(EXIT.interrupted, "no longer watching")));
  const onTrouble = () => void io.stderr.write("drover: Drover's API does not answer, asking again\n");
  const from = after === undefined ? {} : { lastEventId: String(after) };
  try {
    const asked = { ...from, progress: forPrograms && progress, signal: stop.signal, clock: io.clock, onTrouble };
    for await (const event of context.client(stop.signal).events(asked)) {
      const isTaken = io.stdout.write(forPrograms ? document(event) : linesOf(event));
      // Who reads slowly is not read for: the API keeps what it does not have, or cuts it, and it goes on where it was.
      if (!isTaken) await once(io.stdout, "drain", { signal: stop.signal });
      if (!forPrograms && event.event === "snapshot" && event.data.missed) {
        io.stderr.write("drover: what happened before is not known any more; this is how things stand\n");
      }
    }
    return EXIT.ok;
  } finally {
    forget();
  }
}

/** For people: what is in progress first, then a line per change. */
function linesOf({ event, data }: FleetEvent): string {
  if (event === "progress") return "";
  const lines = event === "snapshot" ? data.migrations.map(progressLine).toReversed() : [changeLine(data)];
  return lines.map((line) => `${line}\n`).join("");
}
