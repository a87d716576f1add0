import type { Migration } from "@drover/model";
import type { SlotAnswer } from "@drover/store";
import type { SlotWaker, WaitFor } from "../work/migration-signals.ts";
import { FIRST_STEP } from "./live-migrate-order.ts";
import type { StepContext } from "./step.ts";

/** The first that waits for a slot looks for it at least this often; usually it is told when one is free. */
const FIRST_LOOKS_MS = 5_000;
/** The others are told when they are the first; this is for the case that it got lost: then they look, and not before. */
const OTHERS_LOOK_MS = 60_000;

/** What it is asked with. */
interface SlotContext extends Pick<StepContext, "store" | "signals" | "slots" | "signal" | "metrics"> {
  readonly config: Pick<StepContext["config"], "max_concurrent_live_migrations" | "max_concurrent_migrations">;
}

/** How long to wait for a slot, and for what; undefined once the migration has it. */
export type SlotWait = WaitFor & { readonly ms: number };

/** queued -> preparing, when it is its turn and its source and the fleet have a slot; otherwise why it waits is recorded. */
export async function takeSlot(context: SlotContext, migration: Migration): Promise<SlotWait | undefined> {
  const { max_concurrent_live_migrations: maxOutgoing, max_concurrent_migrations: maxFleet } = context.config;
  const { sourceHost } = migration;
  const answer = await context.slots.inTurn(context.signal, () =>
    context.store.migrations.takeSourceSlot(
      migration.uuid,
      migration,
      { maxOutgoing, maxFleet },
      { step: FIRST_STEP },
      { event: "schedule", message: `has a slot of ${sourceHost}` },
    ),
  );
  if (answer.kind === "taken") {
    context.metrics.moved(answer.migration);
    if (answer.moreFree) context.signals.wakeFirst(`outgoing of ${sourceHost}`);
    context.signals.wakeFirst("fleet");
    return undefined;
  }
  // Whoever is before it may be another conductor's, and need not have heard that there is a slot.
  if (answer.kind === "not-its-turn" && answer.next !== undefined) context.signals.hasItsTurn(answer.next);
  const forFleet = `waits for a slot: ${maxFleet} migrate at a time in the whole fleet`;
  // It had been told of a slot of the fleet that its source keeps it from: that is for another one.
  if (answer.limit === "source" && migration.reason === forFleet) context.signals.wakeFirst("fleet");
  const reason = answer.limit === "fleet" ? forFleet : whyItWaitsAtSource(migration, answer);
  if (migration.reason !== reason || migration.waitsFor !== null) {
    // One that had waited for a destination is to have its turn again.
    const change = { reason, waitsFor: null };
    await context.store.migrations.update(migration.uuid, migration, change, { event: "wait", message: reason });
  }
  const waker: SlotWaker = answer.limit === "fleet" ? "fleet" : `outgoing of ${sourceHost}`;
  const isFirst = context.signals.isFirst(migration.uuid, migration, waker);
  return { ms: isFirst ? FIRST_LOOKS_MS : OTHERS_LOOK_MS, wakers: [waker], precedence: migration, turn: waker };
}

/** Nothing in it changes with every migration that ends: the place in the queue is worked out by whoever shows it. */
function whyItWaitsAtSource(
  { sourceHost }: Migration,
  answer: Exclude<SlotAnswer, { readonly kind: "taken" }>,
): string {
  if (answer.kind === "not-its-turn") return `waits for its turn: others are before it to leave ${sourceHost}`;
  return `waits for a slot: ${sourceHost} sends ${answer.max} at a time`;
}
