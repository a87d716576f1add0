import type { RpcContext } from "@drover/bus";
import type { tuneMigration } from "@drover/contracts";
import { answerTuning, DroverError, type MigrationTuning } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord } from "../migration/record-change.ts";
import { refuseRequest } from "./operator-request.ts";

type TuneRequest = ReturnType<(typeof tuneMigration.request)["parse"]>;

/**
 * Records that a copy is to have other limits; the runner sends them until the agent answers. What an earlier request asked
 * for stays asked for where this one says nothing of it.
 *
 * @throws {DroverError} `bad-request` when nothing is named, `refused` with the reason, `not-found`.
 */
export async function recordTuning(
  context: ConductorContext,
  request: TuneRequest,
  { requestId }: Pick<RpcContext, "requestId">,
): Promise<"accepted"> {
  const { bandwidthMiBps, downtimeMs, asAdmin, requestedBy } = request;
  if (bandwidthMiBps === null && downtimeMs === null) {
    throw new DroverError("bad-request", "name bandwidthMiBps, downtimeMs or both: there is nothing to change", {
      details: { fields: ["bandwidthMiBps", "downtimeMs"] },
    });
  }
  return await decideOnFreshRecord(context.store, request.migrationUuid, async (migration) => {
    await refuseRequest(context, "tune", migration, answerTuning(migration), { requestId, requestedBy, asAdmin });
    const before = migration.tuning?.answer === null ? migration.tuning : null;
    const tuning: MigrationTuning = {
      number: (migration.tuning?.number ?? 0) + 1,
      bandwidthMiBps: bandwidthMiBps ?? before?.bandwidthMiBps ?? null,
      downtimeMs: downtimeMs ?? before?.downtimeMs ?? null,
      requestedAt: context.clock.now().toISOString(),
      requestedBy,
      answer: null,
    };
    const message = `${tuningWords(tuning)}, asked for by ${requestedBy}`;
    const log = { event: "tune requested", message, request: { requestId, requestedBy } };
    await context.store.migrations.update(migration.uuid, migration, { tuning }, log);
    context.signals.changed(migration.uuid);
    return "accepted" as const;
  });
}

function tuningWords({ bandwidthMiBps, downtimeMs }: MigrationTuning): string {
  const bandwidth = bandwidthMiBps === 0 ? "no bandwidth limit" : `bandwidth ${bandwidthMiBps} MiB/s`;
  return [
    ...(bandwidthMiBps === null ? [] : [bandwidth]),
    ...(downtimeMs === null ? [] : [`standstill up to ${downtimeMs} ms`]),
  ].join(", ");
}
