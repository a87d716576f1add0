import type { ForceCompleteMethod } from "./expected-standstill.ts";
import type { MigrationState } from "./migration-state.ts";

/** What an operator may ask of a migration under way. */
export type MigrationRequest = "abort" | "force-complete";

/** What the rule looks at: the state, and what was asked before. */
export interface RequestedMigration {
  readonly state: MigrationState;
  readonly abortRequestedAt: Date | null;
  readonly forceCompleteRequestedAt: Date | null;
  readonly forceCompleteMethod?: ForceCompleteMethod | null;
}

/**
 * - `settle`: the conductor cancels it by itself, libvirt was not asked yet.
 * - `send`: a fact in the record first, then sent to the source's agent until its report answers it.
 * - `ignore`: already so.
 * - `refuse`: the reason is a whole sentence for the caller.
 */
export type RequestAnswer =
  | { readonly kind: "settle" | "send" | "ignore" }
  | { readonly kind: "refuse"; readonly reason: string };

/**
 * The one rule for abort and force-complete; the HTTP codes are derived from its answer at the edge.
 *
 * @param method How a force-complete is to be done; another one than before is a request of its own. @default null
 */
export function answerRequest(
  request: MigrationRequest,
  migration: RequestedMigration,
  method: ForceCompleteMethod | null = null,
): RequestAnswer {
  return request === "abort" ? answerAbort(migration) : answerForceComplete(migration, method);
}

/** The rule for new limits of a copy under way: the agent says whether libvirt took them. */
export function answerTuning({ state, abortRequestedAt }: RequestedMigration): RequestAnswer {
  if (abortRequestedAt !== null) return refuse("an abort was requested before");
  if (state === "running" || state === "post-copy") return { kind: "send" };
  return refuse(`the migration is ${state}: limits are changed while libvirt copies; before, name them in its policy`);
}

/** The rule for resuming a post-copy by hand. */
export function answerResume({ state }: RequestedMigration): RequestAnswer {
  if (state === "post-copy-paused") return { kind: "send" };
  if (state === "post-copy") return { kind: "ignore" };
  return refuse(`the migration is ${state}: only a post-copy whose link broke can be resumed`);
}

function answerAbort(migration: RequestedMigration): RequestAnswer {
  switch (migration.state) {
    case "queued":
    case "preparing":
      return migration.abortRequestedAt === null ? { kind: "settle" } : { kind: "ignore" };
    case "running":
      return migration.abortRequestedAt === null ? { kind: "send" } : { kind: "ignore" };
    case "rolling-back":
    case "cancelled":
      return { kind: "ignore" };
    case "post-copy":
    case "post-copy-paused":
      return refuse("the guest already runs on the destination (post-copy): its memory is on both hosts");
    case "unknown":
      return refuse("contact with the source was lost; both hosts are being asked where the guest runs");
    case "post-migrating":
      return refuse("the guest has already arrived on the destination");
    case "error":
      return refuse("the migration is in error and waits for a person; see its reason");
    case "completed":
    case "failed":
      return refuse(`the migration has already ${migration.state === "completed" ? "completed" : "failed"}`);
  }
}

function answerForceComplete(migration: RequestedMigration, method: ForceCompleteMethod | null): RequestAnswer {
  if (migration.abortRequestedAt !== null) return refuse("an abort was requested before");
  switch (migration.state) {
    case "running":
      return migration.forceCompleteRequestedAt === null || method !== (migration.forceCompleteMethod ?? null)
        ? { kind: "send" }
        : { kind: "ignore" };
    case "post-copy":
      return method === "pause"
        ? refuse("the guest already runs on the destination (post-copy): there is nothing left to suspend it for")
        : { kind: "ignore" };
    case "queued":
    case "preparing":
      return refuse(`the migration is ${migration.state}: nothing is being copied yet`);
    case "post-copy-paused":
      return refuse("the link broke in post-copy; it must be resumed, not hurried");
    case "unknown":
      return refuse("contact with the source was lost; both hosts are being asked where the guest runs");
    case "post-migrating":
      return { kind: "ignore" };
    case "rolling-back":
      return refuse("the migration is being rolled back");
    case "error":
      return refuse("the migration is in error and waits for a person; see its reason");
    case "completed":
    case "failed":
    case "cancelled":
      return refuse(`the migration is already ${migration.state}`);
  }
}

/**
 * A priority orders what waits; of anything else it would change nothing. One that waits for a destination looks at it now and
 * then, and is `preparing` for that moment: it waits all the same.
 */
export function answerPriority(
  migration: { readonly state: MigrationState; readonly priority: number; readonly waitsForHosts: readonly string[] },
  priority: number,
): RequestAnswer {
  const waits = migration.state === "queued" || (migration.state === "preparing" && migration.waitsForHosts.length > 0);
  if (!waits) return refuse(`the migration is ${migration.state}: a priority orders those that are queued`);
  return migration.priority === priority ? { kind: "ignore" } : { kind: "send" };
}

function refuse(reason: string): RequestAnswer {
  return { kind: "refuse", reason };
}
