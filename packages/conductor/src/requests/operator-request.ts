import {
  answerRequest,
  DroverError,
  type ForceCompleteMethod,
  isChosen,
  type Migration,
  type MigrationRequest,
  type RequestAnswer,
} from "@drover/model";
import type { MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord, transition } from "../migration/record-change.ts";

/** What an operator asked, and who. */
export interface OperatorRequest {
  readonly migrationUuid: string;
  readonly requestedBy: string;
  /** How a force-complete is to be done. @default null, which leaves it to the agent */
  readonly method?: ForceCompleteMethod | null | undefined;
}

/**
 * Records that an abort or a force-complete was asked for; the runner sends it until the agent answers. What libvirt was
 * not asked yet is settled here.
 *
 * @throws {DroverError} `refused` with the reason, `not-found`.
 */
export async function recordOperatorRequest(
  context: ConductorContext,
  kind: MigrationRequest,
  request: OperatorRequest,
): Promise<"accepted" | "ignored"> {
  return await decideOnFreshRecord(context.store, request.migrationUuid, async (migration) => {
    const answer = impossible(migration, kind, request) ?? answerRequest(kind, migration, request.method);
    refuseRequest(context, kind, migration, answer);
    if (answer.kind === "ignore") return "ignored";
    const how = request.method == null ? "" : ` by ${request.method}`;
    const log = { event: `${kind} requested`, message: `asked for by ${request.requestedBy}${how}` };
    const change = changeFor(context, kind, request);
    if (answer.kind === "settle") await settle(context, migration, change, log);
    else await context.store.migrations.update(migration.uuid, migration, change, log);
    context.signals.changed(migration.uuid);
    return "accepted";
  });
}

/** @throws {DroverError} `refused` with the reason, when the answer is a refusal. */
export function refuseRequest(
  { logger }: ConductorContext,
  kind: string,
  { id, uuid, serverName, state }: Migration,
  answer: RequestAnswer,
): void {
  if (answer.kind !== "refuse") return;
  logger.info({ migrationId: uuid, kind, reason: answer.reason }, "a request was refused");
  throw new DroverError("refused", `migration ${id} of ${serverName}: ${answer.reason}`, {
    details: { migrationUuid: uuid, state },
  });
}

/** What the record already tells that libvirt would refuse. */
function impossible(
  migration: Migration,
  kind: MigrationRequest,
  { method }: OperatorRequest,
): RequestAnswer | undefined {
  if (kind !== "force-complete" || method !== "post-copy" || migration.state !== "running") return undefined;
  if (isChosen(migration.flags, "VIR_MIGRATE_POSTCOPY")) return undefined;
  const reason =
    "the copy was not started so that it can be switched to post-copy: permitPostCopy of its policy decides that";
  return { kind: "refuse", reason };
}

function changeFor(context: ConductorContext, kind: MigrationRequest, request: OperatorRequest): MigrationChange {
  const now = context.clock.now();
  return kind === "abort"
    ? { abortRequestedAt: now, abortRequestedBy: request.requestedBy, requestAnswer: null }
    : {
        forceCompleteRequestedAt: now,
        forceCompleteRequestedBy: request.requestedBy,
        forceCompleteMethod: request.method ?? null,
        requestAnswer: null,
      };
}

async function settle(
  context: ConductorContext,
  migration: Migration,
  change: MigrationChange,
  log: { readonly event: string; readonly message: string },
): Promise<void> {
  const reason = `aborted on request of ${change.abortRequestedBy}`;
  const step = migration.state === "queued" ? null : migration.step;
  await transition(context, migration, ["cancel"], { ...change, step, reason }, log);
}
