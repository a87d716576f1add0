import {
  answerRequest,
  DroverError,
  type ForceCompleteMethod,
  isChosen,
  type LoggedRequest,
  type Migration,
  type MigrationRequest,
  type RequestAnswer,
} from "@drover/model";
import type { LogLine, MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord, transition } from "../migration/record-change.ts";
import { refuseLocked } from "./refuse-locked.ts";

/** What an operator asked, and who, in which request. */
export interface OperatorRequest extends LoggedRequest {
  readonly migrationUuid: string;
  /** Then a lock of the server is no obstacle. */
  readonly asAdmin?: boolean | undefined;
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
    const { requestId, requestedBy, asAdmin } = request;
    await refuseRequest(context, kind, migration, answer, { requestId, requestedBy, asAdmin });
    if (answer.kind === "ignore") return "ignored";
    const how = request.method == null ? "" : ` by ${request.method}`;
    const log = {
      event: `${kind} requested`,
      message: `asked for by ${requestedBy}${how}`,
      request: { requestId, requestedBy },
    };
    const change = changeFor(context, kind, request);
    if (answer.kind === "settle") await settle(context, migration, change, log);
    else await context.store.migrations.update(migration.uuid, migration, change, log);
    context.signals.changed(migration.uuid);
    return "accepted";
  });
}

/**
 * When the answer is a refusal, the migration's log keeps it. A lock of the server is looked at first.
 *
 * @throws {DroverError} `refused` with the reason
 */
export async function refuseRequest(
  { logger, store }: ConductorContext,
  kind: string,
  { id, uuid, serverUuid, serverName, state }: Migration,
  answer: RequestAnswer,
  { requestId, requestedBy, asAdmin }: Pick<OperatorRequest, "requestId" | "requestedBy" | "asAdmin">,
): Promise<void> {
  await refuseLocked(store, { serverUuid, serverName, asAdmin });
  if (answer.kind !== "refuse") return;
  logger.info({ migrationId: uuid, kind, reason: answer.reason }, "a request was refused");
  await store.migrations.appendLog(uuid, state, {
    event: `${kind} refused`,
    message: answer.reason,
    request: { requestId, requestedBy },
  });
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
  log: LogLine,
): Promise<void> {
  const reason = `aborted on request of ${change.abortRequestedBy}`;
  const step = migration.state === "queued" ? null : migration.step;
  await transition(context, migration, ["cancel"], { ...change, step, reason }, log);
}
