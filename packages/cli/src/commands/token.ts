import type { NewToken } from "@drover/api-client";
import { ROLES } from "@drover/model";
import { type Command, Option } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { printable } from "../format/printable.ts";
import { tokenTable } from "../format/token-table.ts";
import { parseName } from "../parse-name.ts";
import { parseTime, type SaidTime, timeAfter } from "../parse-time.ts";
import { runCommand } from "../run-command.ts";

interface CreateOptions {
  role: NewToken["role"];
  project: string;
  network: readonly string[];
  expires: SaidTime;
}

/** Tokens, by which requests are let in. */
export function addTokenCommands(program: Command, host: CommandHost): void {
  const group = program.command("token").description("tokens: who may ask Drover for what");
  group
    .command("list")
    .description("all that were ever given out, without their secrets")
    .action(
      runCommand(host, async (context) => {
        context.answer(await context.client().tokens(), ({ tokens }) => tokenTable(tokens, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
  group
    .command("create")
    .description("make one, and print it once")
    .argument("<name>", "who holds it: what records have as who asked", parseName)
    .addOption(new Option("--role <role>", "what it may do").choices(ROLES).makeOptionMandatory())
    .option("--project <project>", "Nova's project of what it asks for (default: admin)", parseName)
    .option(
      "--network <network>",
      "from where it may be used, as 192.0.2.0/24; repeatable (default: everywhere)",
      collect,
    )
    .option("--expires <when>", "after 90m, 12h or 30d, or at 2026-01-31T12:00:00Z (default: never)", parseTime)
    .action(
      runCommand<CreateOptions>(host, async (context, name, { role = "reader", project, network = [], expires }) => {
        const { io } = context;
        const made = await context.client().createToken({
          ...{ name, role, networks: network },
          ...(project === undefined ? {} : { projectId: project }),
          ...(expires === undefined ? {} : { expiresAt: timeAfter(io.clock.now(), expires) }),
        });
        context.answer(made, ({ text }) => `${text}\n`);
        if (context.document === undefined) {
          io.stderr.write(
            `This is the ${role}'s token ${made.token.id}. It is not shown again: hand it on, or keep it.\n`,
          );
        }
        return EXIT.ok;
      }),
    );
  group
    .command("revoke")
    .description("take it back: it counts for 5 s more")
    .argument("<id>", "its id, the part after drv_", parseName)
    .action(
      runCommand(host, async (context, id) => {
        const revoked = await context.client().revokeToken(id);
        context.answer(revoked, ({ token }) => `${token.id} of ${printable(token.name)} is revoked\n`);
        return EXIT.ok;
      }),
    );
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
