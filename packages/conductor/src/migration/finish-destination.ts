import { postLiveMigrationAtDestination } from "@drover/contracts";
import type { Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf, destinationOf } from "./agent-command.ts";
import type { StepContext, StepResult } from "./step.ts";

/** Settles the guest's definition where it runs now. @throws {DroverError} `outcome-unknown` when it does not run there. */
export async function finishDestination(context: StepContext, migration: Migration): Promise<StepResult> {
  const host = destinationOf(migration);
  const { runsByMigration } = await context.bus.call(postLiveMigrationAtDestination, commandOf(migration), {
    server: host,
    context: rpcContextOf(migration),
    signal: context.signal,
  });
  const change = runsByMigration === undefined ? {} : { outputs: { ...migration.outputs, runsByMigration } };
  return { kind: "done", change, message: `${migration.serverName} is settled on ${host}` };
}
