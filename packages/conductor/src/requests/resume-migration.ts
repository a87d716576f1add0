import type { RpcContext } from "@drover/bus";
import type { resumeMigration } from "@drover/contracts";
import { answerResume } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord } from "../migration/record-change.ts";
import { resumeAfter } from "../migration/resume-post-copy.ts";
import { refuseRequest } from "./operator-request.ts";

type ResumeRequest = ReturnType<(typeof resumeMigration.request)["parse"]>;

/**
 * Records that a broken post-copy is to be resumed; the reconciler sends it until the agent answers. A person's request
 * gives the policy its tries again.
 *
 * @throws {DroverError} `refused` with the reason, `not-found`.
 */
export async function recordResume(
  context: ConductorContext,
  { migrationUuid, asAdmin, requestedBy }: ResumeRequest,
  { requestId }: Pick<RpcContext, "requestId">,
): Promise<"accepted" | "ignored"> {
  return await decideOnFreshRecord(context.store, migrationUuid, async (migration) => {
    const answer = answerResume(migration);
    await refuseRequest(context, "resume", migration, answer, { requestId, requestedBy, asAdmin });
    if (answer.kind === "ignore" || migration.resume?.answer === null) return "ignored";
    const resume = { ...resumeAfter(migration.resume, context.clock.now(), requestedBy), byPolicy: 0 };
    const message = `asked for by ${requestedBy}`;
    const log = { event: "resume requested", message, request: { requestId, requestedBy } };
    await context.store.migrations.update(migration.uuid, migration, { resume }, log);
    context.signals.changed(migration.uuid);
    return "accepted";
  });
}
