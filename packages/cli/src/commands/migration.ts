import type { MigrationDetail, RequestAnswerView } from "@drover/api-client";
import type { Command } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { findMigration } from "../find-migration.ts";
import { migrationFacts, migrationTable } from "../format/migration-table.ts";
import { stateWords } from "../format/migration-words.ts";
import { printable } from "../format/printable.ts";
import { parseLimit } from "../parse-limit.ts";
import { parseName } from "../parse-name.ts";
import { runCommand } from "../run-command.ts";
import { watchCommand } from "../watch/watch-command.ts";

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

function addRequestCommands(group: Command, host: CommandHost): void {
  group
    .command("force-complete")
    .description("let it finish at the price of a longer standstill (or by post-copy, where permitted)")
    .argument("<migration>", ADDRESS, parseName)
    .action(
      runCommand(host, async (context, address) => {
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const answer = await client.forceComplete(detail.migration.id);
        context.answer(answer, () => requestWords("force-complete", detail, answer));
        return EXIT.ok;
      }),
    );
  group
    .command("abort")
    .description("call it off; the server stays on its source")
    .argument("<migration>", ADDRESS, parseName)
    .action(
      runCommand(host, async (context, address) => {
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const answer = await client.abort(detail.migration.id);
        context.answer(answer, () => requestWords("abort", detail, answer));
        return EXIT.ok;
      }),
    );
}

/** Asking is not being done: the sentence says where the outcome will be seen. */
function requestWords(request: string, { migration }: MigrationDetail, { answer }: RequestAnswerView): string {
  const which = `migration ${migration.id} of ${migration.server.name}`;
  const said =
    answer === "accepted"
      ? `${request} of ${which} is requested; drover migration watch ${migration.id} shows what becomes of it`
      : `nothing to do: ${which} was asked or over already (${stateWords(migration.state)})`;
  return `${printable(said)}\n`;
}
