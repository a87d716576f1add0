import { type Clock, DroverError, type Logger, type MigrationProgress } from "@drover/model";
import { EXPIRY_MS } from "./expiry.ts";
import { listenerSet } from "./listener-set.ts";
import type { ChangeNotice, ProgressCache } from "./progress-cache.ts";

export interface MemoryProgressOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

interface CachedSnapshot {
  readonly snapshot: MigrationProgress;
  /** The count of changes when it was written. */
  readonly changedAt: number;
  readonly expiresAtMs: number;
}

/** The cache of a Drover that is one process. It keeps what Redis would keep, for as long. */
export function openMemoryProgress(options: MemoryProgressOptions): ProgressCache {
  const { clock, logger } = options;
  // A map keeps the order of insertion, and every write inserts anew: the oldest, which expire first, stand in front.
  const cached = new Map<string, CachedSnapshot>();
  const listeners = listenerSet<readonly MigrationProgress[]>(logger, "progress");
  const changeListeners = listenerSet<ChangeNotice>(logger, "changes of records");
  let changes = 0;
  let closed = false;

  function dropExpired(): void {
    const nowMs = clock.monotonicMs();
    for (const [uuid, { expiresAtMs }] of cached) {
      if (expiresAtMs > nowMs) break;
      cached.delete(uuid);
    }
  }

  function requireOpen(doing: string): void {
    if (closed) throw new DroverError("unavailable", `${doing}: the progress cache is closed`);
  }

  return {
    publish: async (_host, snapshots) => {
      requireOpen("publishing progress");
      dropExpired();
      const newer = snapshots.filter((snapshot) => {
        const present = cached.get(snapshot.migrationUuid);
        if (present !== undefined && present.snapshot.sequence >= snapshot.sequence) return false;
        changes += 1;
        cached.delete(snapshot.migrationUuid);
        const expiresAtMs = clock.monotonicMs() + EXPIRY_MS;
        cached.set(snapshot.migrationUuid, { snapshot, changedAt: changes, expiresAtMs });
        return true;
      });
      if (newer.length > 0) listeners.tell(newer);
    },
    read: async (migrationUuids) => {
      requireOpen("reading progress");
      dropExpired();
      const found = new Map<string, MigrationProgress>();
      for (const uuid of migrationUuids) {
        const snapshot = cached.get(uuid)?.snapshot;
        if (snapshot !== undefined) found.set(uuid, snapshot);
      }
      return found;
    },
    changedSince: async (cursor) => {
      requireOpen("reading changed progress");
      dropExpired();
      const since = Number(cursor ?? 0);
      const progress = [...cached.values()].filter((entry) => entry.changedAt > since).map((entry) => entry.snapshot);
      return { progress, cursor: String(changes) };
    },
    forget: async (migrationUuids) => {
      requireOpen("forgetting progress");
      for (const uuid of migrationUuids) cached.delete(uuid);
    },
    subscribe: async (listener) => {
      requireOpen("subscribing to progress");
      return listeners.add(listener);
    },
    announceChange: async () => {
      requireOpen("announcing a change of records");
      changeListeners.tell("records-changed");
    },
    onChange: async (listener) => {
      requireOpen("listening for changes of records");
      return changeListeners.add(listener);
    },
    ping: async () => requireOpen("asking the progress cache for a sign of life"),
    close: async () => {
      closed = true;
      listeners.clear();
      changeListeners.clear();
      cached.clear();
    },
  };
}
