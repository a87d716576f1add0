import type { Logger, MigrationProgress } from "@drover/model";
import type { ProgressListener } from "./progress-cache.ts";

export interface ListenerSet {
  /** Returns the end of the subscription; ending it twice changes nothing. */
  add(listener: ProgressListener): () => Promise<void>;
  tell(progress: readonly MigrationProgress[]): void;
  clear(): void;
}

/** The listeners of one process. One that throws is logged and does not keep the others from hearing. */
export function listenerSet(logger: Logger): ListenerSet {
  // Entries, not bare functions: the same function may be subscribed twice.
  const entries = new Set<{ readonly listener: ProgressListener }>();
  return {
    add: (listener) => {
      const entry = { listener };
      entries.add(entry);
      return async () => {
        entries.delete(entry);
      };
    },
    tell: (progress) => {
      if (progress.length === 0) return;
      for (const { listener } of [...entries]) {
        try {
          listener(progress);
        } catch (error) {
          logger.error({ err: error }, "a listener for progress failed");
        }
      }
    },
    clear: () => entries.clear(),
  };
}
