import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { parkedTable } from "../format/parked-table.ts";
import { printable } from "../format/printable.ts";
import { parseLimit } from "../parse-limit.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";

export function addBusCommands(program: Command, host: CommandHost): void {
  const group = program.command("bus").description("the message bus");
  const parked = group
    .command("parked")
    .description("messages that a server gave up on, the oldest first, and why")
    .option("--limit <n>", "at most so many, 1 to 1000 (default: 100)", parseLimit)
    .action(
      runCommand<{ limit: number }>(host, async (context, _argument, filter) => {
        const found = await context.client().parked(filter);
        context.answer(found, (list) => parkedTable(list.parked, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
  parked
    .command("send-again")
    .description("send it to its queue again, as new: once what it failed on is mended")
    .argument("<id>", "the message's id", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const sent = await context.client().sendParkedAgain(id);
        context.answer(sent, () => `${printable(id)} was sent to its queue again\n`);
        return EXIT.ok;
      }),
    );
  parked
    .command("discard")
    .description("throw it away")
    .argument("<id>", "the message's id", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const discarded = await context.client().discardParked(id);
        context.answer(discarded, () => `${printable(id)} was thrown away\n`);
        return EXIT.ok;
      }),
    );
}
