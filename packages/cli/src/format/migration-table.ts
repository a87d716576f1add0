import type { MigrationDetail, MigrationView, ProgressView } from "@drover/api-client";
import { IN_PROGRESS } from "@drover/model";
import { durationWords, percentDone, placeWords, routeWords, stateWords } from "./migration-words.ts";
import { policyTable } from "./policy-facts.ts";
import { formatBytes, formatDuration, formatRate } from "./quantity.ts";
import { standstillWords } from "./standstill-words.ts";
import { formatFacts, formatTable } from "./table.ts";

/** `drover migration list` for people. */
export function migrationTable(migrations: readonly MigrationView[], now: Date): string {
  if (migrations.length === 0) return "No migrations.\n";
  const someWait = migrations.some(({ state }) => state === "queued");
  return formatTable(
    ["ID", "SERVER", "STATUS", "FROM", "TO", "DONE", "TOOK", "CREATED", ...(someWait ? ["PLACE", "WAITS FOR"] : [])],
    migrations.map((migration) => [
      String(migration.id),
      migration.server.name,
      stateWords(migration.state),
      migration.sourceHost,
      migration.destinationHost ?? migration.requestedHost ?? "",
      IN_PROGRESS.has(migration.state) && migration.progress !== null ? `${percentDone(migration)} %` : "",
      durationWords(migration, now),
      migration.createdAt,
      ...(someWait ? [placeWords(migration), migration.state === "queued" ? (migration.reason ?? "") : ""] : []),
    ]),
  );
}

/** `drover migration show` for people: the record, the numbers, the flags with their reasons, what happened. */
export function migrationFacts({ migration, log }: MigrationDetail, now: Date): string {
  const sections = [
    formatFacts(recordFacts(migration, now)),
    ...(migration.progress === null ? [] : [`Copy\n${indent(formatFacts(progressFacts(migration.progress)))}`]),
    `Policy, and where it came from\n${indent(policyTable(migration))}`,
    ...(migration.flags.length === 0 ? [] : [`Flags used, and why\n${indent(flagTable(migration))}`]),
    ...(log.length === 0 ? [] : [`What happened\n${indent(logTable(log))}`]),
  ];
  return sections.join("\n");
}

type Facts = readonly (readonly [string, string])[];

function recordFacts(migration: MigrationView, now: Date): Facts {
  return [
    ["migration", `${migration.id} (${migration.uuid})`],
    ["server", `${migration.server.name} (${migration.server.uuid})`],
    ["status", `${stateWords(migration.state)}`],
    ["route", routeWords(migration)],
    ["requested", `${migration.createdAt} by ${migration.requestedBy} (${migration.requestId})`],
    ["took", durationWords(migration, now)],
    ...optional("place in queue", placeWords(migration)),
    ...optional("priority", migration.priority === 0 ? null : String(migration.priority)),
    ...optional("reason", migration.reason),
    ...optional("failure", migration.failure && `${migration.failure.message} (${migration.failure.code})`),
    ...optional(
      "force-complete",
      migration.forceCompleteRequestedAt &&
        `asked for ${migration.forceCompleteRequestedAt}${migration.forceCompleteMethod === null ? "" : `, by ${migration.forceCompleteMethod}`}`,
    ),
    ...optional("abort", migration.abortRequestedAt && `asked for ${migration.abortRequestedAt}`),
    ...optional("agent's answer", migration.requestAnswer),
    ...optional("decided by", migration.proof && proofWords(migration.proof)),
    ...optional("limits asked for", migration.tuning && tuningWords(migration.tuning)),
    ...optional("resume", migration.resume && answeredWords(migration.resume)),
    ...optional("if forced", migration.expectedStandstill && standstillWords(migration.expectedStandstill)),
  ];
}

function tuningWords(tuning: NonNullable<MigrationView["tuning"]>): string {
  const limits = [
    ...(tuning.bandwidthMiBps === null ? [] : [`bandwidth ${tuning.bandwidthMiBps} MiB/s`]),
    ...(tuning.downtimeMs === null ? [] : [`standstill ${tuning.downtimeMs} ms`]),
  ];
  return `${limits.join(", ")}, ${answeredWords(tuning)}`;
}

function answeredWords({ requestedAt, requestedBy, answer }: NonNullable<MigrationView["tuning" | "resume"]>): string {
  return `asked for ${requestedAt} by ${requestedBy}: ${answer ?? "not answered yet"}`;
}

/** Both hosts' own words, by which a record in doubt was decided. */
function proofWords({ at, source, destination }: NonNullable<MigrationView["proof"]>): string {
  const words = [source, ...(destination === null ? [] : [destination])];
  return `${words.map(({ host, standing }) => `${host}: ${standing}`).join(", ")} (asked at ${at})`;
}

function progressFacts(progress: ProgressView): Facts {
  const disk: Facts =
    progress.diskTotalBytes === 0
      ? []
      : [["disk", `${formatBytes(progress.diskRemainingBytes)} of ${formatBytes(progress.diskTotalBytes)} left`]];
  return [
    ["phase", `${progress.phase}, pass ${progress.iteration}`],
    ["memory", `${formatBytes(progress.memoryRemainingBytes)} of ${formatBytes(progress.memoryTotalBytes)} left`],
    ["copied", formatBytes(progress.memoryProcessedBytes)],
    ...disk,
    ["rate", formatRate(progress.memoryBytesPerSecond)],
    ["dirtied", formatRate(progress.dirtyBytesPerSecond)],
    progress.downtimeMs === null
      ? [
          "standstill",
          `${formatDuration(progress.expectedDowntimeMs)} expected, ${formatDuration(progress.downtimeLimitMs)} allowed`,
        ]
      : ["standstill", formatDuration(progress.downtimeMs)],
    ...(progress.autoConvergeThrottlePercent === 0
      ? []
      : ([["slowed by", `${progress.autoConvergeThrottlePercent} %`]] as const)),
    ["as of", ageWords(progress)],
  ];
}

function ageWords({ source, ageMs, stale }: ProgressView): string {
  if (source === "record") return "the end";
  return `${formatDuration(ageMs)} ago${stale ? " (the progress cache is away: newer numbers may exist)" : ""}`;
}

function flagTable({ flags }: MigrationView): string {
  return formatTable(
    ["FLAG", "VALUE", "REASON"],
    flags.map(({ name, value, reason }) => [name, value === undefined ? "" : String(value), reason]),
  );
}

function logTable(log: MigrationDetail["log"]): string {
  return formatTable(
    ["AT", "EVENT", "STATE", "MESSAGE"],
    log.map(({ at, event, state, message, numbers }) => [at, event, state, `${message}${numberWords(numbers)}`]),
  );
}

/** What a decision was taken on, as far as a person wants it beside its sentence. */
function numberWords(numbers: MigrationDetail["log"][number]["numbers"]): string {
  if (numbers === null) return "";
  const { iteration = 0, memoryRemainingBytes = 0, memoryBytesPerSecond = 0, dirtyBytesPerSecond = 0 } = numbers;
  const { downtimeLimitMs = 0, autoConvergeThrottlePercent: slowed = 0 } = numbers;
  const words = [
    `pass ${iteration}`,
    `${formatBytes(memoryRemainingBytes)} left`,
    `sent at ${formatRate(memoryBytesPerSecond)}`,
    `dirtied at ${formatRate(dirtyBytesPerSecond)}`,
    `${formatDuration(downtimeLimitMs)} allowed`,
    ...(slowed === 0 ? [] : [`slowed by ${slowed} %`]),
  ];
  return ` (${words.join(", ")})`;
}

function optional(name: string, value: string | null): Facts {
  return value === null || value === "" ? [] : [[name, value]];
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
