import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { documentText, type OutputOptions } from "../output-format.ts";

export function addInitCommand(program: Command, host: CommandHost): void {
  program
    .command("init")
    .description("make the first administrator's token in the configured database ([store]), and print it once")
    .option("--name <name>", "who holds it, as records show it", "admin")
    .option("--force", "also where an administrator's token is in force already: when that is lost")
    .action(async function (this: Command) {
      // Opening a database is for this command alone: every other is quicker without.
      const { makeFirstAdmin } = await import("../make-first-admin.ts");
      const options = this.optsWithGlobals<{ name: string; force?: boolean } & OutputOptions>();
      const { io } = host;
      const made = await makeFirstAdmin({
        name: options.name,
        force: options.force === true,
        env: io.env,
        clock: io.clock,
      });
      if (made === undefined) {
        throw new CliError(
          EXIT.refused,
          "an administrator's token is in force already: make others with `drover token create`, or, if it is lost, " +
            "use `drover init --force`",
        );
      }
      const { id, text } = made;
      const { output = "table" } = options;
      if (output !== "table") io.stdout.write(documentText(output, { id, token: text }));
      else {
        io.stdout.write(`${text}\n`);
        io.stderr.write(
          `This is the administrator's token ${id}. It is not shown again: keep it, for instance as DROVER_TOKEN.\n`,
        );
      }
      host.setExitCode(EXIT.ok);
    });
}
