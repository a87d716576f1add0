import type { Migration } from "@drover/model";
import { askHost } from "./reconcile-migration.ts";
import { transition } from "./record-change.ts";
import type { StepContext } from "./step.ts";

/**
 * Whether a record is as new as what the agents know of its migration. It is not where the database was restored from a
 * backup, or a failover lost the last writes; acting on it would repeat what has been done since, or called off.
 *
 * Before a copy is asked for, the source's agent is asked once by each conductor that takes up a record which it has not
 * written first itself. One that does not answer is not waited for: no step moves a guest without it, and clean-up is safe by the agents' own files.
 */
export class VouchedRecord {
  #asked: boolean;
  /** What was noticed up to here is settled: conductors' clocks may differ, and one look is enough. */
  #settledUpToMs = 0;

  /** @param createdHere This conductor has just created the record: it cannot be older than that. */
  constructor(createdHere: boolean) {
    this.#asked = createdHere;
  }

  /**
   * Resolves true when the record was outdated and has been written anew: `queued` is cancelled, what may have gone on
   * since is `unknown` (both hosts are asked), and what was only prepared is rolled back. Its generation is then beyond all
   * that agents have seen.
   */
  async settleIfOutdated(context: StepContext, migration: Migration): Promise<boolean> {
    const { restored, clock } = context;
    let askedAtMs: number | undefined;
    if (!this.#asked && isBeforeTheCopy(migration)) {
      const answer = await askHost(context, migration, migration.sourceHost);
      if (answer.kind !== "silent") {
        if (answer.known != null) {
          await lose(
            context,
            migration,
            "the source's agent has started this migration, and the record does not know it",
          );
          return true;
        }
        askedAtMs = clock.monotonicMs();
        await restored.compare(migration.sourceHost, answer.recordsSeenAtMs ?? 0);
      }
    }
    // Another conductor may have noticed it, and written that down with the sign of life by which this agent's memory is no news any more.
    const upToMs = await restored.upToMs(migration, askedAtMs);
    this.#asked ||= askedAtMs !== undefined;
    if (migration.updatedAt.getTime() >= upToMs || this.#settledUpToMs >= upToMs) return false;
    await this.#settle(context, migration);
    this.#settledUpToMs = upToMs;
    return true;
  }

  async #settle(context: StepContext, migration: Migration): Promise<void> {
    const message = "the database was restored from a backup that is older than this migration's last writes";
    const log = { event: "restored", message };
    const restored = true;
    switch (migration.state) {
      case "queued": {
        const reason = `${message}: it may have been called off or done since; ask for it again if it is still wanted`;
        await transition(context, migration, ["cancel"], { reason, step: null }, log, { restored });
        return;
      }
      case "preparing": {
        if (!isBeforeTheCopy(migration)) return await lose(context, migration, message);
        const failed = { reason: message, failure: { code: "conflict", message, details: {} } } as const;
        await transition(context, migration, ["fail"], failed, log, { restored });
        return;
      }
      case "unknown":
      case "error":
      case "post-copy-paused":
        await context.store.migrations.updateRestored(migration.uuid, migration, {}, log);
        return;
      default:
        await lose(context, migration, message);
    }
  }
}

async function lose(context: StepContext, migration: Migration, message: string): Promise<void> {
  const log = { event: "restored", message };
  await transition(context, migration, ["lose"], { reason: message }, log, { restored: true });
}

function isBeforeTheCopy({ state, outputs }: Migration): boolean {
  return state === "queued" || (state === "preparing" && outputs.move === undefined);
}
