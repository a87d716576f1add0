import { type Command, Option } from "commander";
import type { CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { routeWords, stateWords } from "../format/migration-words.ts";
import { preflightText } from "../format/preflight-table.ts";
import { printable } from "../format/printable.ts";
import { serverFacts, serverTable } from "../format/server-table.ts";
import { parseName } from "../parse-name.ts";
import { parsePriority } from "../parse-priority.ts";
import { parseReason } from "../parse-reason.ts";
import { addPolicyOptions, type PolicyOptions, policyOf } from "../policy-options.ts";
import { runCommand } from "../run-command.ts";
import { watchCommand } from "../watch/watch-command.ts";

interface MigrateOptions {
  readonly to: string;
  readonly blockMigration: keyof typeof BLOCK_MIGRATION;
  readonly priority: number;
  readonly watch: boolean;
}

/** Nova's `block_migration`. */
const BLOCK_MIGRATION = { true: true, false: false, auto: null } as const;

export function addServerCommands(program: Command, host: CommandHost): void {
  const group = program.command("server").description("guests, on whichever host they run");
  group
    .command("list")
    .description("the servers that the hosts report")
    .option("--host <host>", "only those on this host", parseName)
    .option("--name <pattern>", "only those whose name matches this regular expression")
    .action(
      runCommand<{ host: string; name: string }>(host, async (context, _argument, filter) => {
        context.answer(await context.client().servers(filter), ({ servers }) => serverTable(servers));
        return EXIT.ok;
      }),
    );
  group
    .command("show")
    .description("one server")
    .argument("<server>", "uuid or name", parseName)
    .action(
      runCommand(host, async (context, server) => {
        context.answer(await context.client().server(server), (detail) => serverFacts(detail.server));
        return EXIT.ok;
      }),
    );
  group
    .command("preflight")
    .description("could it move, and where to: every check of every host; claims and changes nothing")
    .argument("<server>", "uuid or name", parseName)
    .option("--to <host>", "only this destination; without it all hosts are asked", parseName)
    .action(
      runCommand<{ to: string }>(host, async (context, server, { to }) => {
        const report = await context.client().preflight(server, to === undefined ? {} : { host: to });
        context.answer(report, preflightText);
        return report.canMove ? EXIT.ok : EXIT.refused;
      }),
    );
  group
    .command("zone")
    .description("hold it to an availability zone when it is moved; it is not moved for that")
    .argument("<server>", "uuid or name", parseName)
    .addOption(new Option("--to <zone>", "the zone; nova is that of hosts in no other").argParser(parseName))
    .addOption(new Option("--any", "it may go to any zone again").conflicts("to"))
    .action(
      runCommand<{ to: string; any: boolean }>(host, async (context, server, { to, any = false }) => {
        if (to === undefined && !any) throw new CliError(EXIT.usage, "say --to <zone>, or --any");
        const after = await context.client().updateServer(server, { availabilityZone: to ?? null });
        context.answer(after, (detail) => serverFacts(detail.server));
        return EXIT.ok;
      }),
    );
  group
    .command("lock")
    .description("let administrators only move it, pause it and steer its migration")
    .argument("<server>", "uuid or name", parseName)
    .option("--reason <text>", "why, for everybody to read", parseReason)
    .action(
      runCommand<{ reason: string }>(host, async (context, server, { reason }) => {
        const settings = { locked: true, ...(reason === undefined ? {} : { lockedReason: reason }) };
        context.answer(await context.client().updateServer(server, settings), (after) => serverFacts(after.server));
        return EXIT.ok;
      }),
    );
  group
    .command("unlock")
    .description("let operators move it again; what an administrator has locked is unlocked by one")
    .argument("<server>", "uuid or name", parseName)
    .action(
      runCommand(host, async (context, server) => {
        context.answer(await context.client().updateServer(server, { locked: false }), (after) =>
          serverFacts(after.server),
        );
        return EXIT.ok;
      }),
    );
  const migrate = group
    .command("migrate")
    .description("move a running server to another host")
    .argument("<server>", "uuid or name", parseName)
    .option("--to <host>", "the destination; without it the scheduler chooses", parseName)
    .addOption(
      new Option("--block-migration <wanted>", "copy local disks; false refuses a server that has any")
        .choices(Object.keys(BLOCK_MIGRATION))
        .default("auto"),
    )
    .option(
      "--priority <n>",
      "orders what waits for a slot, -100 to 100: the larger goes first (default: 0)",
      parsePriority,
    )
    .option("--watch", "show the progress and end with the migration's outcome (see the exit codes of drover --help)");
  addPolicyOptions(migrate).action(
    runCommand<MigrateOptions & PolicyOptions>(host, async (context, server, options) => {
      const { to = null, blockMigration, priority = 0, watch = false } = options;
      const policy = policyOf(options);
      const started = await context.client().migrate(server, {
        ...{ host: to, blockMigration: BLOCK_MIGRATION[blockMigration ?? "auto"], priority },
        ...(policy === undefined ? {} : { policy }),
      });
      if (watch) return await watchCommand(context, started.migration);
      context.answer(started, ({ migration }) =>
        printable(
          `migration ${migration.id} of ${migration.server.name} is ${stateWords(migration.state)} ` +
            `(${routeWords(migration)}); drover migration watch ${migration.id} shows how it goes`,
        ).concat("\n"),
      );
      return EXIT.ok;
    }),
  );
}
