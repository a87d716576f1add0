import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { hostTable } from "../format/host-table.ts";
import { runCommand } from "../run-command.ts";

export function addHostCommands(program: Command, host: CommandHost): void {
  const group = program.command("host").description("compute hosts");
  group
    .command("list")
    .description("the hosts, whether they are up, and what they have")
    .action(
      runCommand(host, async (context) => {
        context.answer(await context.client().hosts(), ({ hosts }) => hostTable(hosts, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
}
