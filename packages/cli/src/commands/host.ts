import type { HostSettings } from "@drover/api-client";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommandContext, CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { hostTable } from "../format/host-table.ts";
import { departuresText } from "../format/preflight-table.ts";
import { parseName } from "../parse-name.ts";
import { parseReason } from "../parse-reason.ts";
import { runCommand } from "../run-command.ts";
import { addDrainCommand } from "./host-drain.ts";

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
  addSettingCommands(group, host);
  addDrainCommand(group, host);
  group
    .command("preflight")
    .description(
      "which servers could leave a host, each alone and all together, and why not; claims and changes nothing",
    )
    .argument("[host]", "name of the host; without it, what cannot leave is told of every host", parseName)
    .action(
      runCommand(host, async (context, name) => {
        if (name === "") return await preflightFleet(context);
        const report = await context.client().preflightHost(name);
        context.answer(report, (found) => departuresText(found));
        return report.cannotMoveTogether === 0 ? EXIT.ok : EXIT.refused;
      }),
    );
}

/** One host after the other, as if it alone were to be emptied; for programs a document for each. */
async function preflightFleet(context: CommandContext): Promise<number> {
  const client = context.client();
  const { hosts } = await client.hosts();
  let servers = 0;
  let staying = 0;
  for (const { name } of hosts) {
    const report = await client.preflightHost(name);
    servers += report.servers.length;
    staying += report.cannotMoveTogether;
    context.answer(report, () => (report.cannotMoveTogether === 0 ? "" : `${departuresText(report, "staying")}\n`));
  }
  const total = `${servers - staying} of ${servers} servers on ${hosts.length} hosts could leave theirs, were it emptied`;
  if (context.document === undefined) context.io.stdout.write(`${total}\n`);
  return staying === 0 ? EXIT.ok : EXIT.refused;
}

type MigrationLimit = number | "default";

interface LimitOptions {
  maxOutgoing: MigrationLimit;
  maxIncoming: MigrationLimit;
}

function addSettingCommands(group: Command, host: CommandHost): void {
  group
    .command("disable")
    .description("choose it for no migration any more; what runs on it, or is on its way to it, is left alone")
    .argument("<host>", "name of the host", parseName)
    .option("--reason <text>", "why, for the list of hosts", parseReason)
    .action(
      runCommand<{ reason: string }>(host, async (context, name, { reason = null }) =>
        set(context, name, { enabled: false, disabledReason: reason }),
      ),
    );
  group
    .command("enable")
    .description("let it be chosen again")
    .argument("<host>", "name of the host", parseName)
    .action(runCommand(host, async (context, name) => set(context, name, { enabled: true })));
  group
    .command("maintenance")
    .description("let no guest come to it while somebody works on it, whether it is enabled or not; or end that")
    .argument("<host>", "name of the host", parseName)
    .addOption(new Option("--reason <text>", "what is done, for everybody to read").argParser(parseReason))
    .addOption(new Option("--end", "the work is over; a host that was disabled before stays so").conflicts("reason"))
    .action(
      runCommand<{ reason: string; end: boolean }>(host, async (context, name, { reason, end = false }) => {
        if (reason === undefined && !end) throw new CliError(EXIT.usage, "say --reason <text>, or --end");
        return await set(context, name, { maintenanceReason: reason ?? null });
      }),
    );
  group
    .command("force-down")
    .description("say that it is off and stays off, whatever its agent reports: what waits for it goes on without it")
    .argument("<host>", "name of the host", parseName)
    .option("--end", "it runs again")
    .action(
      runCommand<{ end: boolean }>(host, async (context, name, { end = false }) =>
        set(context, name, { forcedDown: !end }),
      ),
    );
  group
    .command("limit")
    .description("how many live migrations leave it and come to it at the same time")
    .argument("<host>", "name of the host", parseName)
    .option("--max-outgoing <n>", "0 to 1000, or default for the conductors' own limit", parseMigrationLimit)
    .option("--max-incoming <n>", "0 to 1000, or default for the conductors' own limit", parseMigrationLimit)
    .action(
      runCommand<LimitOptions>(host, async (context, name, { maxOutgoing, maxIncoming }) => {
        if (maxOutgoing === undefined && maxIncoming === undefined) {
          throw new CliError(EXIT.usage, "say which limit: --max-outgoing, --max-incoming, or both");
        }
        return await set(context, name, {
          ...(maxOutgoing === undefined ? {} : { maxOutgoingMigrations: limitOf(maxOutgoing) }),
          ...(maxIncoming === undefined ? {} : { maxIncomingMigrations: limitOf(maxIncoming) }),
        });
      }),
    );
}

async function set(context: CommandContext, name: string, settings: HostSettings): Promise<number> {
  const answer = await context.client().updateHost(name, settings);
  context.answer(answer, ({ host }) => hostTable([host], context.io.clock.now()));
  return EXIT.ok;
}

function parseMigrationLimit(text: string): MigrationLimit {
  if (text === "default") return text;
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (limit <= 1000) return limit;
  throw new InvalidArgumentError("It must be a whole number from 0 to 1000, or default.");
}

/** In `/v1`, null takes the host's own limit away. */
function limitOf(limit: MigrationLimit): number | null {
  return limit === "default" ? null : limit;
}
