import { preLiveMigration, rollbackLiveMigrationAtDestination } from "@drover/contracts";
import type { Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf, destinationOf } from "./agent-command.ts";
import { endProofs, recordedLibvirtUri } from "./ask-hosts.ts";
import { untilHostIsDown } from "./host-patience.ts";
import { askHost } from "./reconcile-migration.ts";
import type { StepContext, StepResult } from "./step.ts";

/** Has the destination make ready what the guest will need, and learns where it takes the copy in. */
export async function prepareDestination(context: StepContext, migration: Migration): Promise<StepResult> {
  const host = destinationOf(migration);
  const destination = await context.bus.call(
    preLiveMigration,
    {
      ...commandOf(migration),
      memoryKiB: migration.memoryKiB,
      sourceHost: migration.sourceHost,
      disks: [...(migration.outputs.disks ?? [])],
      proofs: migration.outputs.proofs,
      blockMigration: migration.blockMigration,
      sourceLibvirtUri: await recordedLibvirtUri(context.store, migration.sourceHost),
    },
    { server: host, context: rpcContextOf(migration), signal: context.signal },
  );
  const asking = { bus: context.bus, context: rpcContextOf(migration) };
  await endProofs(asking, migration, migration.outputs.proofs);
  return {
    kind: "done",
    change: { outputs: { ...migration.outputs, destination } },
    message: `${host} is ready and takes the copy in at ${destination.inboundAddress}`,
  };
}

/**
 * The undo: what was prepared is released. A definition that the copy brought, and the disks, are removed only while the source,
 * asked here, has the guest: they are never the last that goes. Where a third host runs it they stay: it may share the storage
 * that they are on. A host that is down is passed over; its agent asks what became of the migration when it returns, and cleans
 * up then.
 */
export async function discardPreparation(context: StepContext, migration: Migration): Promise<string> {
  const host = destinationOf(migration);
  const begun = migration.outputs.move !== undefined;
  const source = begun ? await askHost(context, migration, migration.sourceHost) : undefined;
  // Off on both, the newer one is where it ran last, and nobody says which that is: nothing goes.
  const offOnBoth =
    source?.kind === "answered" && source.standing === "off" && migration.proof?.destination?.standing === "off";
  const elsewhere = migration.proof?.finding === "foundElsewhere";
  const onSource = source?.kind === "answered" && source.standing !== "absent" && !offOnBoth && !elsewhere;
  const otherwise = source?.kind === "answered" || elsewhere ? "keep" : "undecided";
  const command = {
    ...commandOf(migration),
    broughtDefinition: onSource ? "remove" : otherwise,
    removeRemnant: onSource && (source.standing === "running" || migration.proof?.finding === "foundOnSource"),
  } as const;
  return await untilHostIsDown(context, host, async () => {
    await context.bus.call(rollbackLiveMigrationAtDestination, command, {
      server: host,
      context: rpcContextOf(migration),
      signal: context.signal,
    });
    return `${host} holds nothing of it`;
  });
}
