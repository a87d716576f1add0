import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { deleteContext, readContexts, selectContext } from "../context/contexts.ts";
import { EXIT } from "../exit-code.ts";
import { formatTable } from "../format/table.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";

export function addContextCommands(program: Command, host: CommandHost): void {
  const group = program.command("context").description("the Drovers that were logged in to");
  group
    .command("list")
    .description("where they are, and which one is used")
    .action(
      runCommand(host, async (context) => {
        const { current, all } = readContexts(context.io.env);
        // Not their tokens: this is shown to people who look over shoulders.
        const contexts = all.map(({ name, url }) => ({ name, url, current: name === current }));
        context.answer({ contexts }, () =>
          contexts.length === 0
            ? "none; `drover login URL` makes one\n"
            : formatTable(
                ["CONTEXT", "URL", "USED"],
                contexts.map((row) => [row.name, row.url, row.current ? "yes" : ""]),
              ),
        );
        return EXIT.ok;
      }),
    );
  group
    .command("use")
    .description("speak to this one from now on")
    .argument("<context>", "its name", parseName)
    .action(
      runCommand(host, async (context, name) => {
        const { url } = selectContext(context.io.env, name);
        context.answer({ context: name, url }, () => `commands go to ${url} now\n`);
        return EXIT.ok;
      }),
    );
  group
    .command("delete")
    .description("forget one and its token here; the token itself stays in force until it is revoked")
    .argument("<context>", "its name", parseName)
    .action(
      runCommand(host, async (context, name) => {
        deleteContext(context.io.env, name);
        context.answer({ deleted: name }, () => `${name} is forgotten here\n`);
        return EXIT.ok;
      }),
    );
}
