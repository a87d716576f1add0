import type { reportMigrationEvent } from "@drover/contracts";
import { COPYING, type Migration, type MigrationEvent, TERMINAL } from "@drover/model";
import type { MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import { decideOnFreshRecord, transition } from "../migration/record-change.ts";

export type EventReport = ReturnType<(typeof reportMigrationEvent.request)["parse"]>;

/**
 * Takes in what an agent reports of a running copy. A report that is late, repeated or of another attempt changes
 * nothing; it is acknowledged all the same, so that the agent stops sending it.
 */
export async function takeInEvent(context: ConductorContext, report: EventReport): Promise<void> {
  await decideOnFreshRecord(context.store, report.migrationUuid, async (migration) => {
    if (!isNews(migration, report)) return;
    const event = transitionFor(migration, report.event);
    // What is told of a copy that is being taken back, or settled, changes nothing any more. In doubt, an answer counts: the
    // agent gives it once.
    if (event === undefined && !COPYING.has(migration.state) && migration.state !== "unknown") return;
    const news = { agentSequence: report.sequence, ...(event === undefined ? {} : { reason: null }) };
    const change: MigrationChange = { ...news, ...changeFor(migration, report) };
    const log = {
      event: report.event,
      message: report.message,
      ...(report.numbers === undefined ? {} : { numbers: report.numbers }),
    };
    if (event !== undefined) await transition(context, migration, [event], change, log);
    else await context.store.migrations.update(migration.uuid, migration, change, log);
    context.metrics.reported(report.event);
    context.signals.changed(migration.uuid);
  });
}

/** True for a report that the record has not taken in yet and that belongs to the copy it knows. */
export function isNews(
  migration: Migration,
  report: { readonly generation: number; readonly sequence: number; readonly host: string },
): boolean {
  return (
    !TERMINAL.has(migration.state) &&
    report.host === migration.sourceHost &&
    report.generation === migration.outputs.move?.generation &&
    report.sequence > migration.agentSequence
  );
}

function transitionFor(migration: Migration, event: EventReport["event"]): MigrationEvent | undefined {
  switch (event) {
    case "started":
      return migration.state === "preparing" ? "started" : migration.state === "unknown" ? "stillCopying" : undefined;
    case "post-copy":
      return migration.state === "running" ? "postCopy" : migration.state === "unknown" ? "stillPostCopy" : undefined;
    case "post-copy-paused":
      return migration.state === "post-copy" ? "linkBroken" : undefined;
    case "post-copy-resumed":
      return migration.state === "post-copy-paused" ? "resumed" : undefined;
    default:
      return undefined;
  }
}

function changeFor(migration: Migration, report: EventReport): MigrationChange {
  const { tuning, resume } = migration;
  const answer = report.message;
  switch (report.event) {
    case "started":
      return report.flags === undefined ? {} : { flags: report.flags };
    case "abort-sent":
      return migration.abortRequestedAt === null ? {} : { requestAnswer: answer };
    case "abort-refused":
      return migration.abortRequestedAt === null ? {} : { requestAnswer: answer, ...NO_ABORT };
    case "force-complete-sent":
      return isForced(migration) ? { requestAnswer: answer } : {};
    case "force-complete-refused":
      return isForced(migration) ? { requestAnswer: answer, ...NO_FORCE } : {};
    case "tuned":
    case "tune-refused":
      return tuning !== null && report.answers === tuning.number ? { tuning: { ...tuning, answer } } : {};
    case "post-copy-resumed":
    case "resume-refused":
      return resume !== null && report.answers === resume.number ? { resume: { ...resume, answer } } : {};
    default:
      return {};
  }
}

/** A refused request is none any more: it may be made again, and forbids no other. The log has who made it. */
const NO_ABORT: MigrationChange = { abortRequestedAt: null, abortRequestedBy: null };
const NO_FORCE: MigrationChange = {
  forceCompleteRequestedAt: null,
  forceCompleteRequestedBy: null,
  forceCompleteMethod: null,
};

/** An abort that was asked for later is what is to be answered then. */
function isForced({ abortRequestedAt, forceCompleteRequestedAt }: Migration): boolean {
  return abortRequestedAt === null && forceCompleteRequestedAt !== null;
}
