/** What every call accepts. */
export interface CallOptions {
  /**
   * How long to wait for the answer, ms; `Infinity` waits for as long as the connection lives. After it the call
   * rejects with `deadline-exceeded`, which says only that *we* stopped waiting: libvirtd may still carry it out.
   * @default 30000
   */
  readonly deadlineMs?: number;
  /** Stops waiting; the call rejects with the signal's reason. A call already sent may still be carried out. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_DEADLINE_MS = 30_000;
