/** Moves a running server to another host and shows how it goes. Ends with 0 when the server has arrived, else with 1. */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { getMigration, getServer, liveMigrateInstance, type MigrationView } from "@drover/contracts";
import { requestedBy, withBus } from "./with-bus.ts";

const OVER: readonly string[] = ["completed", "failed", "cancelled", "error"];
const POLL_MS = 500;

/** One line for people. */
function describe({ id, server, state, progress, reason }: MigrationView): string {
  const line = `migration ${id} of ${server.name} is ${state}`;
  if (OVER.includes(state)) return reason === null ? line : `${line}: ${reason}`;
  if (progress === null) return line;
  return `${line}, ${Math.floor(progress.memoryRemainingBytes / 1024 ** 2)} MiB left, pass ${progress.iteration}`;
}

const { values, positionals } = parseArgs({ options: { to: { type: "string" } }, allowPositionals: true });
const [reference] = positionals;
if (reference === undefined) {
  console.error("usage: node migrate.ts SERVER [--to HOST]");
  process.exit(2);
}
await withBus(async (bus) => {
  const { server } = await bus.call(getServer, { server: reference });
  // Recorded, not done: it happens by itself, whether or not anybody watches.
  const { migrationUuid } = await bus.call(liveMigrateInstance, {
    serverUuid: server.uuid,
    host: values.to ?? null,
    blockMigration: null,
    requestedBy,
    projectId: "admin",
  });
  let shown = "";
  while (true) {
    const { migration } = await bus.call(getMigration, { migration: migrationUuid });
    const line = describe(migration);
    if (line !== shown) console.log(line);
    shown = line;
    if (OVER.includes(migration.state)) return migration.state === "completed" ? 0 : 1;
    await sleep(POLL_MS);
  }
});
