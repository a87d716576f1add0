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
        const [{ servers }, { migrations }] = await Promise.all([
          client.servers({ host: name }),
          client.migrations({ host: name, active: true }),
        ]);
        const arriving = migrations.filter(({ destinationHost }) => destinationHost === name);
        const departures: Departure[] = [];
        for (const server of servers) departures.push(await depart(client, server, priority));
        return answer(context, name, departures, arriving);
      }),
    );
}

/** One refusal keeps no other server from leaving; what concerns all of them does. */
async function depart(client: DroverClient, server: ServerView, priority: number): Promise<Departure> {
  const { uuid, name, powerState, migration } = server;
  const about = { server: { uuid, name }, migrationId: migration?.id ?? null, reason: null };
  if (migration?.status === "error") {
    const reason = `migration ${migration.id} is in error and waits for a person`;
    return { ...about, outcome: "refused", reason };
  }
  if (migration !== null) return { ...about, outcome: "moving" };
  if (powerState === "shutoff") return { ...about, outcome: "off" };
  try {
    const started = await client.migrate(uuid, { host: null, priority });
    return { ...about, outcome: "asked", migrationId: started.migration.id };
  } catch (error) {
    if (!(error instanceof ApiError) || [401, 429].includes(error.status) || error.status >= 500) throw error;
    return { ...about, outcome: "refused", reason: error.message };
  }
}

/** @param arriving What was on its way to the host before, which nothing stops. */
function answer(
  context: CommandContext,
  host: string,
  departures: readonly Departure[],
  arriving: readonly MigrationView[],
): number {
  const coming = arriving.map(({ id, server }) => ({ migrationId: id, server }));
  context.answer({ host, departures, arriving: coming }, () => {
    const still = coming.map(
      ({ migrationId, server }) => `${server.name} is on its way to it (migration ${migrationId})`,
    );
    const notes = still.map((note) => `${printable(note)}\n`).join("");
    if (departures.length === 0 && still.length === 0) {
      return `${printable(`${host} is empty, and no guest comes to it any more`)}\n`;
    }
    if (departures.length === 0) return notes;
    const table = formatTable(
      ["SERVER", "MIGRATION", "OUTCOME", "WHY"],
      departures.map(({ server, migrationId, outcome, reason }) => [
        server.name,
        migrationId === null ? "" : String(migrationId),
        outcome,
        reason ?? "",
      ]),
    );
    return `${table}${notes}`;
  });
  return departures.some(({ outcome }) => outcome === "refused") ? EXIT.refused : EXIT.ok;
}
