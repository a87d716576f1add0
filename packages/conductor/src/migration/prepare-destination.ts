import { preLiveMigration, rollbackLiveMigrationAtDestination } from "@drover/contracts";
import type { Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf, destinationOf } from "./agent-command.ts";
import { untilHostIsDown } from "./host-patience.ts";
import type { StepContext, StepResult } from "./step.ts";

/** Has the destination make ready what the guest will need, and learns where it takes the copy in. */
export async function prepareDestination(context: StepContext, migration: Migration): Promise<StepResult> {
  const host = destinationOf(migration);
  const destination = await context.bus.call(
    preLiveMigration,
    { ...commandOf(migration), memoryKiB: migration.memoryKiB, sourceHost: migration.sourceHost },
    { server: host, context: rpcContextOf(migration), signal: context.signal },
  );
  return {
    kind: "done",
    change: { outputs: { ...migration.outputs, destination } },
    message: `${host} is ready and takes the copy in at ${destination.inboundAddress}`,
  };
}

/** The undo: what was prepared is released. A host that is down keeps only what it cleans up by itself when it returns. */
export async function discardPreparation(context: StepContext, migration: Migration): Promise<string> {
  const host = destinationOf(migration);
  return await untilHostIsDown(context, host, async () => {
    await context.bus.call(rollbackLiveMigrationAtDestination, commandOf(migration), {
      server: host,
      context: rpcContextOf(migration),
      signal: context.signal,
    });
    return `${host} holds nothing of it`;
  });
}
