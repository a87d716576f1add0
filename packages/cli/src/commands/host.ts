import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { hostTable } from "../format/host-table.ts";
import { departuresText } from "../format/preflight-table.ts";
import { parseName } from "../parse-name.ts";
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
  group
    .command("preflight")
    .description("which servers of a host could move elsewhere, and why the others cannot; claims and changes nothing")
    .argument("<host>", "name of the host", parseName)
    .action(
      runCommand(host, async (context, name) => {
        const report = await context.client().preflightHost(name);
        context.answer(report, departuresText);
        return report.cannotMove === 0 ? EXIT.ok : EXIT.refused;
      }),
    );
}
