import type { RpcContext } from "@drover/bus";
import type { setMigrationPriority } from "@drover/contracts";
import { answerPriority } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord } from "../migration/record-change.ts";
import { refuseRequest } from "./operator-request.ts";

type PriorityRequest = ReturnType<(typeof setMigrationPriority.request)["parse"]>;

/**
 * Gives a migration that waits another place in the queue. Whoever is affected looks again: itself, and the first that waits
 * for what it waits for.
 *
 * @throws {DroverError} `refused` with the reason when it does not wait, `not-found`.
 */
export async function recordPriority(
  context: ConductorContext,
  { migrationUuid, priority, asAdmin, requestedBy }: PriorityRequest,
  { requestId }: Pick<RpcContext, "requestId">,
): Promise<"accepted" | "ignored"> {
  const { store, signals } = context;
  return await decideOnFreshRecord(store, migrationUuid, async (migration) => {
    const answer = answerPriority(migration, priority);
    await refuseRequest(context, "priority", migration, answer, { requestId, requestedBy, asAdmin });
    if (answer.kind === "ignore") return "ignored";
    const message = `priority ${migration.priority} becomes ${priority}, asked for by ${requestedBy}`;
    const log = { event: "priority requested", message, request: { requestId, requestedBy } };
    await store.migrations.update(migration.uuid, migration, { priority }, log);
    signals.changed(migration.uuid);
    signals.wakeFirst(`outgoing of ${migration.sourceHost}`);
    signals.wakeFirst("fleet");
    signals.wake("incoming");
    return "accepted";
  });
}
