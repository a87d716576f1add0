import { DroverError } from "./error.ts";
import type { MigrationState } from "./migration-state.ts";

/** An address that is told of changes of migrations by HTTP POST. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  /** Signs what is sent. */
  readonly secret: string;
  /** Only changes that led to one of these are told; empty: all. */
  readonly states: readonly MigrationState[];
  readonly enabled: boolean;
  /** Why it was disabled by Drover itself; null otherwise. */
  readonly disabledReason: string | null;
  /** Id of the last change that was told, or was not to be. */
  readonly position: number;
  /** Since when nothing gets through; null while all is well. */
  readonly failingSince: Date | null;
  /** Why the last try failed; null while all is well. */
  readonly lastError: string | null;
  readonly lastDeliveredAt: Date | null;
  readonly createdAt: Date;
  readonly createdBy: string;
}

/** Whoever asked for it named one that is not there (any more). */
export function noSuchWebhook(id: string): DroverError {
  return new DroverError("not-found", `there is no webhook ${id}: see the list of them`, { details: { webhook: id } });
}
