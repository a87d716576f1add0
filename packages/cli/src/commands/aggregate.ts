import type { AggregateView } from "@drover/api-client";
import { type Command, Option } from "commander";
import type { CommandContext, CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { aggregateTable } from "../format/placement-table.ts";
import { printable } from "../format/printable.ts";
import { parseName } from "../parse-name.ts";
import { collectNames, collectPairs } from "../parse-option.ts";
import { runCommand } from "../run-command.ts";

type Metadata = Readonly<Record<string, string>>;

interface CreateOptions {
  zone: string;
  metadata: Metadata;
  host: readonly string[];
}

interface SetOptions {
  zone: string;
  withoutZone: boolean;
  metadata: Metadata;
  addHost: readonly string[];
  removeHost: readonly string[];
}

/** Hosts that have something in common, and the zones they make up. */
export function addAggregateCommands(program: Command, host: CommandHost): void {
  const group = program.command("aggregate").description("hosts that have something in common, and availability zones");
  group
    .command("list")
    .description("the aggregates with their hosts")
    .action(
      runCommand(host, async (context) => {
        context.answer(await context.client().aggregates(), ({ aggregates }) => aggregateTable(aggregates));
        return EXIT.ok;
      }),
    );
  group
    .command("create")
    .description("make an aggregate")
    .argument("<aggregate>", "name of the aggregate", parseName)
    .option("--zone <zone>", "the availability zone of its hosts", parseName)
    .option("--metadata <key=value>", "what its hosts offer, repeatable", collectPairs)
    .option("--host <host>", "name of a host, repeatable", collectNames)
    .action(
      runCommand<CreateOptions>(host, async (context, name, { zone = null, metadata = {}, host: hosts = [] }) =>
        shown(context, await context.client().createAggregate({ name, availabilityZone: zone, metadata, hosts })),
      ),
    );
  group
    .command("set")
    .description("change its zone or metadata, add hosts to it and remove some from it")
    .argument("<aggregate>", "name of the aggregate", parseName)
    .option("--zone <zone>", "the availability zone of its hosts", parseName)
    .addOption(new Option("--without-zone", "its hosts are in no zone by it").conflicts("zone"))
    .option("--metadata <key=value>", "what its hosts offer, repeatable; takes the place of all before", collectPairs)
    .option("--add-host <host>", "repeatable", collectNames)
    .option("--remove-host <host>", "repeatable", collectNames)
    .action(
      runCommand<SetOptions>(host, async (context, name, options) => {
        const { zone, withoutZone = false, metadata, addHost = [], removeHost = [] } = options;
        if (zone === undefined && !withoutZone && metadata === undefined && addHost.length + removeHost.length === 0) {
          throw new CliError(EXIT.usage, "there is nothing to change: say --zone, --metadata, --add-host or another");
        }
        const change = {
          ...(zone === undefined && !withoutZone ? {} : { availabilityZone: zone ?? null }),
          ...(metadata === undefined ? {} : { metadata }),
          ...{ addHosts: addHost, removeHosts: removeHost },
        };
        return shown(context, await context.client().updateAggregate(name, change));
      }),
    );
  group
    .command("delete")
    .description("remove an aggregate")
    .argument("<aggregate>", "name of the aggregate", parseName)
    .action(
      runCommand(host, async (context, name) => {
        context.answer(await context.client().deleteAggregate(name), () =>
          printable(`${name} is deleted`).concat("\n"),
        );
        return EXIT.ok;
      }),
    );
}

function shown(context: CommandContext, answer: { readonly aggregate: AggregateView }): number {
  context.answer(answer, ({ aggregate }) => aggregateTable([aggregate]));
  return EXIT.ok;
}
