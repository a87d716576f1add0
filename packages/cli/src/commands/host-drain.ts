import { ApiError, type DroverClient, type MigrationView, type ServerView } from "@drover/api-client";
import { type Command, Option } from "commander";
import type { CommandContext, CommandHost } from "../command-context.ts";
import { EXIT } from "../exit-code.ts";
import { printable } from "../format/printable.ts";
import { formatTable } from "../format/table.ts";
import { parseName } from "../parse-name.ts";
import { parsePriority } from "../parse-priority.ts";
import { parseReason } from "../parse-reason.ts";
import { runCommand } from "../run-command.ts";

interface DrainOptions {
  readonly reason: string;
  readonly priority: number;
}

/** What became of one server of the host. */
interface Departure {
  readonly server: { readonly uuid: string; readonly name: string };
  /** `asked` for now, `moving` before, `off` and so in nobody's way, `refused`. */
  readonly outcome: "asked" | "moving" | "off" | "refused";
  readonly migrationId: MigrationView["id"] | null;
  /** Of a refusal. */
  readonly reason: string | null;
}

export function addDrainCommand(group: Command, host: CommandHost): void {
  group
    .command("drain")
    .description("empty it: no guest comes to it any more (maintenance), and each that runs on it is to move elsewhere")
    .argument("<host>", "name of the host", parseName)
    .addOption(
      new Option("--reason <text>", "what is done, for everybody to read").argParser(parseReason).default("drained"),
    )
    .addOption(
      new Option("--priority <n>", "of the migrations among those that wait, -100 to 100")
        .argParser(parsePriority)
        .default(0),
    )
    .action(
      runCommand<DrainOptions>(host, async (context, name, { reason = "drained", priority = 0 }) => {
        const client = context.client();
        await client.updateHost(name, { maintenanceReason: reason });
        const { servers } = await client.servers({ host: name });
        const departures: Departure[] = [];
        for (const server of servers) departures.push(await depart(client, server, priority));
        return answer(context, name, departures);
      }),
    );
}

/** One refusal keeps no other server from leaving; what concerns all of them does. */
async function depart(client: DroverClient, server: ServerView, priority: number): Promise<Departure> {
  const { uuid, name, powerState, migration } = server;
  const about = { server: { uuid, name }, migrationId: migration?.id ?? null, reason: null };
  if (migration !== null) return { ...about, outcome: "moving" };
  if (powerState === "shutoff") return { ...about, outcome: "off" };
  try {
    const started = await client.migrate(uuid, { host: null, priority });
    return { ...about, outcome: "asked", migrationId: started.migration.id };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401 || error.status >= 500) throw error;
    return { ...about, outcome: "refused", reason: error.message };
  }
}

function answer(context: CommandContext, host: string, departures: readonly Departure[]): number {
  context.answer({ host, departures }, () => {
    if (departures.length === 0) return `${printable(`${host} is empty, and no guest comes to it any more`)}\n`;
    return formatTable(
      ["SERVER", "MIGRATION", "OUTCOME", "WHY"],
      departures.map(({ server, migrationId, outcome, reason }) => [
        server.name,
        migrationId === null ? "" : String(migrationId),
        outcome,
        reason ?? "",
      ]),
    );
  });
  return departures.some(({ outcome }) => outcome === "refused") ? EXIT.refused : EXIT.ok;
}
