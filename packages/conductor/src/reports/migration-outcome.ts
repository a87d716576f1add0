import type { reportMigrationOutcome } from "@drover/contracts";
import type { Migration, MigrationEvent } from "@drover/model";
import type { MigrationChange } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import { FIRST_STEP_AFTER_ARRIVAL } from "../migration/live-migrate-order.ts";
import { decideOnFreshRecord, transition } from "../migration/record-change.ts";
import { isNews } from "./migration-event.ts";

export type OutcomeReport = ReturnType<(typeof reportMigrationOutcome.request)["parse"]>;

/** Takes in how a copy ended. The last numbers are kept in the record; the cache may have lost them. */
export async function takeInOutcome(context: ConductorContext, report: OutcomeReport): Promise<void> {
  await decideOnFreshRecord(context.store, report.migrationUuid, async (migration) => {
    if (!isNews(migration, report)) return;
    const events = eventsFor(migration, report);
    const change = { ...changeFor(migration, report), agentSequence: report.sequence };
    const log = { event: `outcome: ${report.outcome}`, message: messageFor(report) };
    if (events.length > 0) await transition(context, migration, events, change, log);
    context.signals.changed(migration.uuid);
  });
}

/**
 * The arrows that an outcome stands for. It may overtake the report that the copy began; and it may contradict what the
 * record has gone on to believe, which is doubt, and the reconciler's.
 */
function eventsFor(migration: Migration, report: OutcomeReport): readonly MigrationEvent[] {
  const { state } = migration;
  switch (report.outcome) {
    case "arrived":
      if (state === "preparing") return ["started", "arrive"];
      if (state === "running" || state === "post-copy") return ["arrive"];
      if (state === "post-copy-paused") return ["resumed", "arrive"];
      if (state === "unknown") return ["foundOnDestination"];
      return state === "rolling-back" ? ["lose"] : [];
    case "stayed":
      if (state === "preparing") return ["fail"];
      if (state === "running") return [report.cause === "aborted" || report.cause === "timed-out" ? "aborted" : "fail"];
      if (state === "unknown") return ["foundOnSource"];
      return state === "post-copy" || state === "post-copy-paused" || state === "post-migrating" ? ["lose"] : [];
    case "unknown":
      return state === "unknown" || state === "error" || state === "queued" ? [] : ["lose"];
  }
}

function changeFor(migration: Migration, report: OutcomeReport): MigrationChange {
  const common: MigrationChange = {
    outcome: report.outcome,
    finalProgress: report.progress,
    ...(report.flags === undefined ? {} : { flags: report.flags }),
  };
  if (report.outcome === "arrived") return { ...common, step: FIRST_STEP_AFTER_ARRIVAL, reason: null };
  if (report.outcome === "unknown") return { ...common, reason: messageFor(report) };
  const onRequest = report.cause === "aborted" || report.cause === "timed-out";
  if (onRequest) return { ...common, reason: reasonForCancelling(migration, report) };
  const failure = report.error ?? { code: "internal" as const, message: messageFor(report), details: {} };
  return { ...common, failure, reason: failure.message };
}

function reasonForCancelling(migration: Migration, report: OutcomeReport): string {
  if (report.cause === "timed-out") return report.error?.message ?? "the time limit of the policy passed";
  return migration.abortRequestedBy === null
    ? "the copy was aborted outside Drover"
    : `aborted on request of ${migration.abortRequestedBy}`;
}

function messageFor(report: OutcomeReport): string {
  if (report.error !== null) return report.error.message;
  switch (report.outcome) {
    case "arrived":
      return "the guest runs on the destination";
    case "stayed":
      return `the guest stays on the source (${report.cause ?? "no cause given"})`;
    case "unknown":
      return "the source's agent cannot tell where the guest runs";
  }
}
