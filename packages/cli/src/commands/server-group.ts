import type { ServerGroupView } from "@drover/api-client";
import { SERVER_GROUP_POLICIES } from "@drover/model";
import { type Command, Option } from "commander";
import type { CommandContext, CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { serverGroupTable } from "../format/placement-table.ts";
import { printable } from "../format/printable.ts";
import { parseName } from "../parse-name.ts";
import { collectNames } from "../parse-option.ts";
import { parseWhole } from "../policy-options.ts";
import { runCommand } from "../run-command.ts";

interface CreateOptions {
  policy: ServerGroupView["policy"];
  maxServersPerHost: number;
  server: readonly string[];
}

interface SetOptions {
  add: readonly string[];
  remove: readonly string[];
}

/** Servers that are to run together, or apart. */
export function addServerGroupCommands(program: Command, host: CommandHost): void {
  const group = program.command("server-group").description("servers that are to run together, or apart, when moved");
  group
    .command("list")
    .description("the groups, and where their servers are")
    .action(
      runCommand(host, async (context) => {
        context.answer(await context.client().serverGroups(), ({ groups }) => serverGroupTable(groups));
        return EXIT.ok;
      }),
    );
  group
    .command("create")
    .description("make a group; nothing is moved for it")
    .argument("<group>", "name of the group", parseName)
    .addOption(
      new Option("--policy <policy>", "a soft one ranks hosts and rejects none")
        .choices(SERVER_GROUP_POLICIES)
        .makeOptionMandatory(),
    )
    .option("--max-servers-per-host <n>", "with anti-affinity: so many may share a host (default: 1)", parseWhole)
    .option("--server <server>", "uuid or name of a member, repeatable", collectNames)
    .action(
      runCommand<CreateOptions>(host, async (context, name, { policy, maxServersPerHost, server = [] }) => {
        if (policy === undefined) throw new CliError(EXIT.usage, "say --policy");
        const most = maxServersPerHost === undefined ? {} : { maxServersPerHost };
        const made = await context.client().createServerGroup({ name, policy, ...most, servers: server });
        return shown(context, made);
      }),
    );
  group
    .command("set")
    .description("add servers to a group, and remove some from it")
    .argument("<group>", "name of the group", parseName)
    .option("--add <server>", "uuid or name, repeatable", collectNames)
    .option("--remove <server>", "uuid or name, repeatable", collectNames)
    .action(
      runCommand<SetOptions>(host, async (context, name, { add = [], remove = [] }) => {
        if (add.length + remove.length === 0) {
          throw new CliError(EXIT.usage, "say --add <server>, --remove <server>, or both");
        }
        const change = { addServers: add, removeServers: remove };
        return shown(context, await context.client().updateServerGroup(name, change));
      }),
    );
  group
    .command("delete")
    .description("remove a group; its servers are in none then")
    .argument("<group>", "name of the group", parseName)
    .action(
      runCommand(host, async (context, name) => {
        context.answer(await context.client().deleteServerGroup(name), () =>
          printable(`${name} is deleted`).concat("\n"),
        );
        return EXIT.ok;
      }),
    );
}

function shown(context: CommandContext, answer: { readonly group: ServerGroupView }): number {
  context.answer(answer, (made) => serverGroupTable([made.group]));
  return EXIT.ok;
}
