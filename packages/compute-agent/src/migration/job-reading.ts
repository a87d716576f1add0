import type { JobStats } from "@drover/libvirt";

/** How a job stands: `active` while it works, otherwise how it ended; `none` when there is none. */
export type JobStanding = "none" | "active" | "completed" | "failed" | "cancelled";

/**
 * How the job stands. `bounded` and `unbounded` both mean that it works; a migration's first seconds are `unbounded`
 * with no memory numbers, while the destination's QEMU starts. A job-completed event has `success` instead of a type
 * (libvirt 6.0.0), and does not tell a cancelled job from a failed one.
 */
export function jobStanding(stats: JobStats): JobStanding {
  if (stats.type === "bounded" || stats.type === "unbounded") return "active";
  if (stats.type !== undefined) return stats.type;
  return stats.success === false ? "failed" : "completed";
}

/** True while this guest's memory is being sent away; a libvirtd too old to tell (before 3.3.0) is believed. */
export function isOutgoingMigration(stats: JobStats): boolean {
  return jobStanding(stats) === "active" && (stats.operation === "migration-out" || stats.operation === "unknown");
}
