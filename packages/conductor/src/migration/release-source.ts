import { postLiveMigration } from "@drover/contracts";
import type { Migration } from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import { commandOf } from "./agent-command.ts";
import { untilHostIsDown } from "./host-patience.ts";
import type { StepContext, StepResult } from "./step.ts";

/** Removes what is left on the source, and gives the claim back: the guest itself uses the destination's memory now. */
export async function releaseSource(context: StepContext, migration: Migration): Promise<StepResult> {
  const host = migration.sourceHost;
  const message = await untilHostIsDown(context, host, async () => {
    await context.bus.call(postLiveMigration, commandOf(migration), {
      server: host,
      context: rpcContextOf(migration),
      signal: context.signal,
    });
    return `nothing is left on ${host}`;
  });
  await context.store.claims.release(migration.uuid);
  context.signals.freed("incoming");
  return { kind: "done", change: {}, message };
}
