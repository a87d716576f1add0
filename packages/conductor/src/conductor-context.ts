import type { Bus, RpcContext } from "@drover/bus";
import type { Clock, Logger, Migration, MigrationPolicy } from "@drover/model";
import type { Store } from "@drover/store";
import type { ConductorConfig } from "./config.ts";
import type { MigrationMetrics } from "./metrics/migration-metrics.ts";
import type { PolicyRules } from "./policy/policy-config.ts";
import type { MigrationSignals } from "./work/migration-signals.ts";
import type { RestoredDatabase } from "./work/restored-database.ts";
import type { Turns } from "./work/turns.ts";

/** What every part of a conductor works with. */
export interface ConductorContext {
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: ConductorConfig;
  readonly policy: MigrationPolicy;
  readonly policyRules: PolicyRules;
  readonly signals: MigrationSignals;
  readonly restored: RestoredDatabase;
  readonly metrics: MigrationMetrics;
  /** Of migrations that look for a destination. */
  readonly choices: Turns;
  /** Of migrations that claim the destination that they have found. */
  readonly claims: Turns;
  /** Of migrations that look for a slot. */
  readonly slots: Turns;
}

/** The request id, and the trace, under which everything done for a migration can be found. */
export function rpcContextOf(
  migration: Pick<Migration, "requestId" | "projectId" | "requestedBy" | "traceparent">,
): RpcContext {
  const { requestId, projectId, requestedBy: userId, traceparent } = migration;
  return { requestId, projectId, userId, ...(traceparent === null ? {} : { traceparent }) };
}
