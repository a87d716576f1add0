import { type MigrationProgress, pointText } from "@drover/model";
import { EXPIRY_MS } from "./expiry.ts";
import { afterPoint, beginningPace, HISTORY_POINTS, type HistoryPace, wider } from "./history.ts";
import { publicationText } from "./publication-text.ts";

/** A migration of which nothing new came for so long, ms, is left out of its host's publications: it has ended, or is stuck. */
const KEPT_MS = 30_000;
/** Points that are closer together than this, ms, are written together: one waits no longer. */
const POINTS_WAIT_MS = 5_000;
/** Of what a history has, the part that may wait to be written: of a young one little. */
const WAITING_SHARE = 0.1;

interface Entry {
  readonly sequence: number;
  readonly text: string;
  readonly takenAtMs: number;
  /** It has arrived: no more will come. */
  readonly isLast: boolean;
  readonly history: History;
}

interface History {
  readonly migrationUuid: string;
  pace: HistoryPace;
  /** Points in the cache, as far as is known. */
  length: number;
  waiting: string[];
}

/** New points of one migration's history. */
export interface HistoryPart {
  readonly migrationUuid: string;
  readonly points: readonly string[];
  /** The history expires so long, ms, after this part, unless another comes. */
  readonly expiryMs: number;
}

/**
 * What a host publishes: the newest numbers of all its migrations, whichever of them have changed, and points of their
 * histories now and then. It is the writer's memory of what its host's keys hold, so that writing them is one value and no
 * comparison in the cache. Times are of one clock that never goes back, ms.
 */
export class HostPublication {
  readonly #entries = new Map<string, Entry>();

  /** How many of them are newer than what was taken before; the others are dropped. */
  take(snapshots: readonly MigrationProgress[], nowMs: number): number {
    for (const [uuid, { takenAtMs }] of this.#entries) if (nowMs - takenAtMs > KEPT_MS) this.#entries.delete(uuid);
    let newer = 0;
    for (const snapshot of snapshots) {
      const { migrationUuid, sequence } = snapshot;
      const before = this.#entries.get(migrationUuid);
      if (before !== undefined && before.sequence >= sequence) continue;
      newer += 1;
      const history = before?.history ?? {
        migrationUuid,
        pace: beginningPace(nowMs, snapshot.elapsedMs),
        length: 0,
        waiting: [],
      };
      const isLast = snapshot.phase === "completed";
      this.#entries.set(migrationUuid, { sequence, text: JSON.stringify(snapshot), takenAtMs: nowMs, isLast, history });
      if (nowMs < history.pace.nextPointAtMs) continue;
      history.waiting.push(pointText(snapshot));
      history.pace = afterPoint(history.pace, nowMs);
    }
    return newer;
  }

  /** What the host's key is to hold from now on. */
  text(nowMs: number): string {
    return publicationText(
      [...this.#entries.values()].map(({ text, takenAtMs }) => ({ text, ageMs: Math.ceil(nowMs - takenAtMs) })),
    );
  }

  /** Hands out what is due of the histories. It is not handed out again: what cannot be written is lost, some 5 s of a copy. */
  takeHistories(): readonly HistoryPart[] {
    const parts: HistoryPart[] = [];
    for (const { history, isLast } of this.#entries.values()) {
      const {
        migrationUuid,
        waiting,
        length,
        pace: { pointEveryMs },
      } = history;
      if (waiting.length === 0) continue;
      const mayWait = Math.min(1 + length * WAITING_SHARE, POINTS_WAIT_MS / pointEveryMs);
      if (!isLast && waiting.length < mayWait) continue;
      history.waiting = [];
      parts.push({ migrationUuid, points: waiting, expiryMs: EXPIRY_MS + 2 * (POINTS_WAIT_MS + pointEveryMs) });
    }
    return parts;
  }

  /** A part was written, and the history has so many points now: one that was full has lost half of them. */
  noteWritten({ migrationUuid, points }: HistoryPart, length: number): void {
    const history = this.#entries.get(migrationUuid)?.history;
    if (history === undefined) return;
    const written = history.length + points.length;
    if (written >= HISTORY_POINTS && length < written) history.pace = wider(history.pace);
    history.length = length;
  }
}
