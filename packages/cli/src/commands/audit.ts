import type { AuditFilter } from "@drover/api-client";
import { type Command, InvalidArgumentError } from "commander";
import type { CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { auditTable } from "../format/audit-table.ts";
import { parseLimit } from "../parse-limit.ts";
import { parseTime, type SaidTime, timeBefore } from "../parse-time.ts";
import { runCommand } from "../run-command.ts";

type Options = Omit<AuditFilter, "since" | "before"> & { readonly since: SaidTime; readonly before: SaidTime };

export function addAuditCommand(program: Command, host: CommandHost): void {
  program
    .command("audit")
    .description("who asked for what, from where, and what came of it")
    .option("--user <name>", "who asked")
    .option("--token <id>", "the token that it came with")
    .option("--action <name>", "the RPC, or method and route: live_migrate_instance")
    .option("--resource <resource>", "what it was about: 'host alpha', 'migration 6f6e…'")
    .option("--outcome <code>", "ok, or the code of a refusal")
    .option("--request-id <id>", "of one request")
    .option("--since <when>", "not longer ago than 90m, 12h, 30d, or from a time on", parseTime)
    .option("--before <when>", "longer ago than that, or before a time", parseTime)
    .option("--limit <n>", "at most so many, 1 to 1000 (default: 100)", parseLimit)
    .option("--marker <id>", "go on with those older than this entry", parseMarker)
    .action(
      runCommand<Options>(host, async (context, _argument, { since, before, limit = 100, ...filter }) => {
        const now = context.io.clock.now();
        const found = await context.client().audit({
          ...filter,
          limit,
          ...(since === undefined ? {} : { since: timeBefore(now, since) }),
          ...(before === undefined ? {} : { before: timeBefore(now, before) }),
        });
        context.answer(found, ({ entries }) => auditTable(entries));
        return EXIT.ok;
      }),
    );
}

function parseMarker(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError("It must be the id of an entry.");
  return Number(text);
}
