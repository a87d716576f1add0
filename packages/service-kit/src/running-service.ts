/** Something that was started and can be stopped. */
export interface RunningService {
  /** Takes no new work, ends what is under way, gives everything back. Never rejects; a second call does nothing. */
  stop(): Promise<void>;
}
