import type { MigrationView } from "@drover/api-client";
import { formatTable } from "./table.ts";

type Policy = MigrationView["policy"];

/** The effective policy, one value a line, and where each came from. */
export function policyTable({ policy, policyOrigins }: MigrationView): string {
  const rows: readonly (readonly [keyof Policy, string, string])[] = [
    ["downtimeMs", "standstill", `up to ${policy.downtimeMs} ms, in ${policy.downtimeSteps} steps`],
    ["bandwidthMiBps", "bandwidth", policy.bandwidthMiBps === 0 ? "not limited" : `${policy.bandwidthMiBps} MiB/s`],
    ["completionTimeoutSPerGiB", "time limit", timeLimit(policy)],
    ["permitPostCopy", "post-copy", policy.permitPostCopy ? "permitted" : "not permitted"],
    ["postCopyResumeAttempts", "broken post-copy", resumes(policy)],
    ["permitAutoConverge", "auto-converge", autoConverge(policy)],
    ["parallelConnections", "sockets", String(policy.parallelConnections)],
    ["compression", "compression", policy.compression],
    ["schedule", "schedule", policy.schedule.length === 0 ? "none" : policy.schedule.map(stepWords).join("; ")],
  ];
  return formatTable(
    ["POLICY", "VALUE", "FROM"],
    rows.map(([field, name, value]) => [name, value, policyOrigins[field] ?? ""]),
  );
}

function timeLimit({ completionTimeoutSPerGiB, timeoutAction }: Policy): string {
  return completionTimeoutSPerGiB === 0 ? "none" : `${timeoutAction} after ${completionTimeoutSPerGiB} s per GiB`;
}

function resumes({ postCopyResumeAttempts: attempts }: Policy): string {
  return attempts === 0 ? "waits for a person" : `resumed up to ${attempts} times`;
}

function autoConverge(policy: Policy): string {
  if (!policy.permitAutoConverge) return "not permitted";
  return `from ${policy.autoConvergeInitialPercent} %, by ${policy.autoConvergeIncrementPercent} points`;
}

/** One step of a schedule: `downtime 500 ms when stalled for 5 passes`. */
function stepWords(step: Policy["schedule"][number]): string {
  const value =
    step.do === "downtime"
      ? ` ${step.downtimeMs === null ? "to the limit" : `${step.downtimeMs} ms`}`
      : step.do === "bandwidth"
        ? ` ${step.bandwidthMiBps ?? 0} MiB/s`
        : "";
  const conditions = [
    ...(step.stalledIterations === null ? [] : [`when stalled for ${step.stalledIterations} passes`]),
    ...(step.afterSPerGiB === null ? [] : [`after ${step.afterSPerGiB} s per GiB`]),
  ];
  return [`${step.do}${value}`, ...(conditions.length === 0 ? ["at once"] : [conditions.join(" or ")])].join(" ");
}
