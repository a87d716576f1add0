import { answerRequest, DroverError, type Migration, type MigrationRequest } from "@drover/model";
import type { MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord, transition } from "../migration/record-change.ts";

/** What an operator asked, and who. */
export interface OperatorRequest {
  readonly migrationUuid: string;
  readonly requestedBy: string;
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
    const answer = answerRequest(kind, migration);
    if (answer.kind === "refuse") {
      context.logger.info({ migrationId: migration.uuid, kind, reason: answer.reason }, "a request was refused");
      throw new DroverError("refused", `migration ${migration.id} of ${migration.serverName}: ${answer.reason}`, {
        details: { migrationUuid: migration.uuid, state: migration.state },
      });
    }
    if (answer.kind === "ignore") return "ignored";
    const log = { event: `${kind} requested`, message: `asked for by ${request.requestedBy}` };
    const change = changeFor(context, kind, request);
    if (answer.kind === "settle") await settle(context, migration, change, log);
    else await context.store.migrations.update(migration.uuid, migration, change, log);
    context.signals.changed(migration.uuid);
    return "accepted";
  });
}

function changeFor(context: ConductorContext, kind: MigrationRequest, request: OperatorRequest): MigrationChange {
  const now = context.clock.now();
  return kind === "abort"
    ? { abortRequestedAt: now, abortRequestedBy: request.requestedBy, requestAnswer: null }
    : { forceCompleteRequestedAt: now, forceCompleteRequestedBy: request.requestedBy, requestAnswer: null };
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
