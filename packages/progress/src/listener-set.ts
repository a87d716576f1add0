import type { Logger } from "@drover/model";

export interface ListenerSet<Value> {
  /** Returns the end of the subscription; ending it twice changes nothing. */
  add(listener: (value: Value) => void): () => Promise<void>;
  tell(value: Value): void;
  clear(): void;
}

/**
 * The listeners of one process. One that throws is logged and does not keep the others from hearing.
 *
 * @param feed What they listen to, for the log.
 */
export function listenerSet<Value>(logger: Logger, feed: string): ListenerSet<Value> {
  // Entries, not bare functions: the same function may be subscribed twice.
  const entries = new Set<{ readonly listener: (value: Value) => void }>();
  return {
    add: (listener) => {
      const entry = { listener };
      entries.add(entry);
      return async () => {
        entries.delete(entry);
      };
    },
    tell: (value) => {
      for (const { listener } of [...entries]) {
        try {
          listener(value);
        } catch (error) {
          logger.error({ err: error, feed }, "a listener failed");
        }
      }
    },
    clear: () => entries.clear(),
  };
}
