import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { findMigration } from "../find-migration.ts";
import { historyTable } from "../format/history-table.ts";
import { migrationFacts, migrationTable } from "../format/migration-table.ts";
import { parseLimit } from "../parse-limit.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";
import { watchCommand } from "../watch/watch-command.ts";
import { addRequestCommands } from "./migration-request.ts";

interface ListOptions {
  server: string;
  status: string;
  host: string;
  active: boolean;
  limit: number;
  marker: string;
}

const ADDRESS = "id or uuid of the migration, or the server's name or uuid";

export function addMigrationCommands(program: Command, host: CommandHost): void {
  const group = program.command("migration").description("migrations, under way and over");
  addReadingCommands(group, host);
  addRequestCommands(group, host);
}

function addReadingCommands(group: Command, host: CommandHost): void {
  group
    .command("list")
    .description("the migrations, newest first")
    .option("--server <server>", "only those of this server (uuid or name)", parseName)
    .option("--status <status>", "only those in this state or with this status, e.g. rolling-back, running, completed")
    .option("--host <host>", "only those from or to this host", parseName)
    .option("--active", "only those that are not over")
    .option("--limit <n>", "at most so many, 1 to 1000", parseLimit)
    .option("--marker <migration>", "go on after this one (id or uuid)", parseName)
    .action(
      runCommand<ListOptions>(host, async (context, _argument, filter) => {
        const found = await context.client().migrations(filter);
        context.answer(found, ({ migrations }) => migrationTable(migrations, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
  group
    .command("show")
    .description("one migration: numbers, libvirt flags with their reasons, what happened")
    .argument("<migration>", ADDRESS, parseName)
    .action(
      runCommand(host, async (context, address) => {
        const detail = await findMigration(context.client(), address, "newest");
        context.answer(detail, (found) => migrationFacts(found, context.io.clock.now()));
        return EXIT.ok;
      }),
    );
  group
    .command("history")
    .description("how its copy went: memory left, rates and standstill from its beginning on")
    .argument("<migration>", ADDRESS, parseName)
    .action(
      runCommand(host, async (context, address) => {
        const { migration } = await findMigration(context.client(), address, "newest");
        context.answer(await context.client().progressHistory(migration.uuid), historyTable);
        return EXIT.ok;
      }),
    );
  group
    .command("watch")
    .description("show the progress until it is over; ends with the migration's outcome")
    .argument("<migration>", ADDRESS, parseName)
    .action(
      runCommand(host, async (context, address) => {
        const { migration } = await findMigration(context.client(), address, "newest");
        return await watchCommand(context, migration);
      }),
    );
}
