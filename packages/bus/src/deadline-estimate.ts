import type { Clock } from "@drover/model";
import type { RequestEnvelope } from "./envelope.ts";

/** How long a sender's smallest age counts: a clock that is set back is believed again after two of these. */
const WINDOW_MS = 10_000;
/** Senders remembered; the one heard of first is forgotten first. */
const MAX_SENDERS = 10_000;

interface Ages {
  startedMs: number;
  smallestMs: number;
  smallestBeforeMs: number;
}

/**
 * How much of a request's deadline is left where it arrives. Its age is told by two hosts' clocks, which need not agree:
 * the smallest age seen lately from the same sender is taken for their difference, so that a request counts as old only
 * by how much longer it was under way than that one.
 *
 * The usual one-way delay filter of clock synchronisation (RFC 5905, section 10), with a window for its memory.
 */
export class DeadlineEstimate {
  readonly #clock: Clock;
  readonly #senders = new Map<string, Ages>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds, 0 or less when it has passed; undefined for a request without a deadline. */
  remainingMs(request: RequestEnvelope): number | undefined {
    if (request.deadline === undefined || request.reply === undefined) return undefined;
    const { sentAtMs, ttlMs } = request.deadline;
    const ageMs = this.#clock.now().getTime() - sentAtMs;
    return ttlMs - (ageMs - this.#smallestAgeMs(request.reply.queue, ageMs));
  }

  #smallestAgeMs(sender: string, ageMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    let ages = this.#senders.get(sender);
    if (ages === undefined) {
      const oldest = this.#senders.size >= MAX_SENDERS ? this.#senders.keys().next().value : undefined;
      if (oldest !== undefined) this.#senders.delete(oldest);
      ages = { startedMs: nowMs, smallestMs: ageMs, smallestBeforeMs: ageMs };
      this.#senders.set(sender, ages);
    } else if (nowMs - ages.startedMs > WINDOW_MS) {
      const stale = nowMs - ages.startedMs > 2 * WINDOW_MS;
      ages.smallestBeforeMs = stale ? ageMs : ages.smallestMs;
      ages.smallestMs = ageMs;
      ages.startedMs = nowMs;
    }
    ages.smallestMs = Math.min(ages.smallestMs, ageMs);
    return Math.min(ages.smallestMs, ages.smallestBeforeMs);
  }
}
