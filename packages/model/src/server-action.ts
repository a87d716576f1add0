/** What was asked of a server beside moving it, and what came of it. What was refused before it began is in the audit alone. */
export interface ServerAction {
  /** Grows with time. */
  readonly id: number;
  readonly serverUuid: string;
  readonly action: ServerActionName;
  readonly requestId: string;
  readonly userId: string;
  /** Null where the request said none. */
  readonly projectId: string | null;
  /** Where it is done; null for what is recorded only. */
  readonly host: string | null;
  readonly startedAt: Date;
  /** Null while it is under way, and for ever where the conductor ended meanwhile. */
  readonly finishedAt: Date | null;
  /** Why it failed; null where it did not, or is under way. */
  readonly error: string | null;
}

/** Nova's names. */
export type ServerActionName = "lock" | "unlock" | "pause" | "unpause";
