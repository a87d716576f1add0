import {
  type AgedProgress,
  type Clock,
  DroverError,
  type Logger,
  type MigrationProgress,
  type ProgressPoint,
  progressPoint,
} from "@drover/model";
import { EXPIRY_MS } from "./expiry.ts";
import { afterPoint, beginningPace, HISTORY_POINTS, type HistoryPace, upToNewest, wider } from "./history.ts";
import { listenerSet } from "./listener-set.ts";
import type { ChangeNotice, MigrationPlace, ProgressCache } from "./progress-cache.ts";

export interface MemoryProgressOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Entry {
  readonly snapshot: MigrationProgress;
  readonly takenAtMs: number;
  readonly expiresAtMs: number;
  readonly history: readonly ProgressPoint[];
  readonly pace: HistoryPace;
}

/** The cache of a Drover that is one process. It keeps what Redis would keep, for as long. */
export function openMemoryProgress(options: MemoryProgressOptions): ProgressCache {
  const { clock, logger } = options;
  // A map keeps the order of insertion, and every write inserts anew: the oldest, which expire first, stand in front.
  const cached = new Map<string, Entry>();
  const listeners = listenerSet<readonly MigrationProgress[]>(logger, "progress");
  const changeListeners = listenerSet<ChangeNotice>(logger, "changes of records");
  let closed = false;

  function dropExpired(): void {
    const nowMs = clock.monotonicMs();
    for (const [key, { expiresAtMs }] of cached) {
      if (expiresAtMs > nowMs) break;
      cached.delete(key);
    }
  }

  /** False for what is not newer than what is there. */
  function take(host: string, snapshot: MigrationProgress): boolean {
    const key = keyOf({ migrationUuid: snapshot.migrationUuid, host });
    const present = cached.get(key);
    if (present !== undefined && present.snapshot.sequence >= snapshot.sequence) return false;
    const takenAtMs = clock.monotonicMs();
    cached.delete(key);
    cached.set(key, {
      ...{ snapshot, takenAtMs, expiresAtMs: takenAtMs + EXPIRY_MS },
      ...goneOn(present, snapshot, takenAtMs),
    });
    return true;
  }

  /** What `find` finds, by migration. */
  function found<Value>(places: readonly MigrationPlace[], find: (entry: Entry) => Value): Map<string, Value> {
    dropExpired();
    const values = new Map<string, Value>();
    for (const place of places) {
      const entry = cached.get(keyOf(place));
      if (entry !== undefined) values.set(place.migrationUuid, find(entry));
    }
    return values;
  }

  function requireOpen(doing: string): void {
    if (closed) throw new DroverError("unavailable", `${doing}: the progress cache is closed`);
  }

  return {
    publish: async (host, snapshots) => {
      requireOpen("publishing progress");
      dropExpired();
      const newer = snapshots.filter((snapshot) => take(host, snapshot));
      if (newer.length > 0) listeners.tell(newer);
    },
    read: async (places) => {
      requireOpen("reading progress");
      const nowMs = clock.monotonicMs();
      return found<AgedProgress>(places, ({ snapshot, takenAtMs }) => ({
        snapshot,
        ageMs: Math.round(nowMs - takenAtMs),
      }));
    },
    readHistories: async (places) => {
      requireOpen("reading histories of progress");
      return found(places, ({ history, snapshot }) => upToNewest(history, snapshot));
    },
    forget: async (places) => {
      requireOpen("forgetting progress");
      for (const place of places) cached.delete(keyOf(place));
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

function keyOf({ host, migrationUuid }: MigrationPlace): string {
  return `${host} ${migrationUuid}`;
}

/** The history with `snapshot`, where a point is due: as a host's publications in Redis keep it. */
function goneOn(
  present: Entry | undefined,
  snapshot: MigrationProgress,
  nowMs: number,
): Pick<Entry, "history" | "pace"> {
  const { history, pace } = present ?? { history: [], pace: beginningPace(nowMs, snapshot.elapsedMs) };
  if (nowMs < pace.nextPointAtMs) return { history, pace };
  const longer = [...history, progressPoint(snapshot)];
  const next = afterPoint(pace, nowMs);
  if (longer.length < HISTORY_POINTS) return { history: longer, pace: next };
  return { history: longer.filter((_, at) => at % 2 === 0), pace: wider(next) };
}
