import type { MigrationDetail, MigrationView, RequestAnswerView } from "@drover/api-client";
import { type Command, Option } from "commander";
import type { CommandContext, CommandHost } from "../command-context.ts";
import { CliError, EXIT } from "../exit-code.ts";
import { findMigration } from "../find-migration.ts";
import { stateWords } from "../format/migration-words.ts";
import { printable } from "../format/printable.ts";
import { standstillWords } from "../format/standstill-words.ts";
import { parseName } from "../parse-name.ts";
import { parsePriority } from "../parse-priority.ts";
import { parseWhole } from "../policy-options.ts";
import { runCommand } from "../run-command.ts";
import { watchCommand } from "../watch/watch-command.ts";

const ADDRESS = "id or uuid of the migration, or the server's name or uuid";

interface ForceOptions {
  pause: boolean;
  postCopy: boolean;
}

interface AbortOptions {
  watch: boolean;
}

interface SetOptions {
  bandwidthMibps: number;
  downtimeMs: number;
}

/** What is asked of a migration under way: force-complete, abort, set, priority, resume. */
export function addRequestCommands(group: Command, host: CommandHost): void {
  addForceComplete(group, host);
  addAbort(group, host);
  group
    .command("set")
    .description("change the limits of a migration while it runs; they hold to its end")
    .argument("<migration>", ADDRESS, parseName)
    .option("--bandwidth-mibps <n>", "upper bound of the copy, MiB/s; 0 takes the limit away", parseWhole)
    .option("--downtime-ms <ms>", "longest standstill at the switch-over", parseWhole)
    .action(
      runCommand<SetOptions>(host, async (context, address, { bandwidthMibps = null, downtimeMs = null }) => {
        if (bandwidthMibps === null && downtimeMs === null) {
          throw new CliError(EXIT.usage, "name --bandwidth-mibps, --downtime-ms or both: there is nothing to change");
        }
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const answer = await client.tune(detail.migration.id, { bandwidthMiBps: bandwidthMibps, downtimeMs });
        context.answer(answer, () => requestWords("the change", detail, answer));
        return EXIT.ok;
      }),
    );
  group
    .command("priority")
    .description("give one that is queued another place among those that wait: the larger goes first")
    .argument("<migration>", ADDRESS, parseName)
    .argument("<n>", "-100 to 100", parsePriority)
    .action(
      runCommand(host, async (context, address, _options, priority) => {
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const answer = await client.setPriority(detail.migration.id, Number(priority));
        context.answer(answer, () => requestWords(`priority ${priority}`, detail, answer));
        return EXIT.ok;
      }),
    );
  group
    .command("resume")
    .description("go on with a post-copy whose link broke, once the link is mended")
    .argument("<migration>", ADDRESS, parseName)
    .action(
      runCommand(host, async (context, address) => {
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const answer = await client.resume(detail.migration.id);
        context.answer(answer, () => requestWords("resume", detail, answer));
        return EXIT.ok;
      }),
    );
}

function addForceComplete(group: Command, host: CommandHost): void {
  group
    .command("force-complete")
    .description("let it finish at the price of a longer standstill (or by post-copy, where permitted)")
    .argument("<migration>", ADDRESS, parseName)
    .addOption(new Option("--pause", "suspend the server until its memory has arrived").conflicts("postCopy"))
    .option("--post-copy", "switch it over now and let its memory follow")
    .action(
      runCommand<ForceOptions>(host, async (context, address, { pause = false, postCopy = false }) => {
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const method = pause ? "pause" : postCopy ? "post-copy" : null;
        const { expectedStandstill } = detail.migration;
        // Before anything is asked for: a person who sees it may still press Ctrl-C.
        if (context.document === undefined && expectedStandstill !== null) {
          context.io.stderr.write(`drover: ${printable(standstillWords(expectedStandstill, method))}\n`);
        }
        const answer = await client.forceComplete(detail.migration.id, { method });
        context.answer(answer, () => requestWords("force-complete", detail, answer));
        return EXIT.ok;
      }),
    );
}

function addAbort(group: Command, host: CommandHost): void {
  group
    .command("abort")
    .description("call it off; the server stays on its source")
    .argument("<migration>", ADDRESS, parseName)
    .option("--watch", "wait for what becomes of it: ends with 0 when it was aborted, with 4 when that came too late")
    .action(
      runCommand<AbortOptions>(host, async (context, address, { watch = false }) => {
        const client = context.client();
        const detail = await findMigration(client, address, "active");
        const answer = await client.abort(detail.migration.id);
        if (watch) return await watchAbort(context, detail.migration);
        context.answer(answer, () => requestWords("abort", detail, answer));
        return EXIT.ok;
      }),
    );
}

/** Asking to abort is not being aborted: a migration that completed all the same was not. */
async function watchAbort(context: CommandContext, migration: MigrationView): Promise<number> {
  const code = await watchCommand(context, migration);
  if (code === EXIT.cancelled) return EXIT.ok;
  if (code !== EXIT.ok) return code;
  const { migration: after } = await context.client().migration(migration.id);
  const why = after.requestAnswer === null ? "" : `: ${after.requestAnswer}`;
  context.io.stderr.write(`drover: ${printable(`the abort came too late${why}`)}\n`);
  return EXIT.refused;
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
