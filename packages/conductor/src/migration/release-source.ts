import { postLiveMigration } from "@drover/contracts";
import type { Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf } from "./agent-command.ts";
import { untilHostIsDown } from "./host-patience.ts";
import type { StepContext, StepResult } from "./step.ts";

/**
 * Removes what is left on the source, and gives the claim back: the guest itself uses the destination's memory now.
 *
 * Where the record was decided from both hosts' words, a copy that stood still on the source beside the one that runs is a
 * remnant and goes too; the source's agent looks once more that it does. Disks that were copied would otherwise be on both
 * hosts: the step before has proved that the guest runs on the copies, so the source's are deleted, as Nova does.
 */
export async function releaseSource(context: StepContext, migration: Migration): Promise<StepResult> {
  const host = migration.sourceHost;
  const message = await untilHostIsDown(context, host, async () => {
    const removeCopiedDisks = migration.outputs.destination?.disks?.some(({ action }) => action === "copy") ?? false;
    const removeRemnant = migration.proof?.finding === "foundOnDestination";
    await context.bus.call(
      postLiveMigration,
      { ...commandOf(migration), removeRemnant, removeCopiedDisks, copiesAreWhole: migration.outputs.runsByMigration },
      { server: host, context: rpcContextOf(migration), signal: context.signal },
    );
    return `nothing is left on ${host}`;
  });
  await context.store.claims.release(migration.uuid);
  context.signals.wake("incoming");
  return { kind: "done", change: {}, message };
}
