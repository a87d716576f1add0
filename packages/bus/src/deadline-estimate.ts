import type { Clock } from "@drover/model";
import type { RequestEnvelope } from "./envelope.ts";
import { MAX_DEADLINE_MS } from "./outgoing.ts";
import type { Sender } from "./sender.ts";

/** How long a sender's smallest age counts: a clock that is set back is believed again after two of these. */
const WINDOW_MS = 10_000;
/** Senders remembered; the one heard of first is forgotten first. */
const MAX_SENDERS = 10_000;
/** No clock is wrong by more; who says so is not measured by it. */
const MAX_CLOCK_DIFFERENCE_MS = 24 * 60 * 60 * 1000;

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

  /**
   * Milliseconds, 0 or less when it has passed; undefined for a request without a deadline, or with one that nobody
   * waits for.
   *
   * @param sender A reply queue is told by whoever sends. With the broker's word for who that is, a request can make
   * none look old but those of the same user.
   */
  remainingMs(request: RequestEnvelope, sender: Sender): number | undefined {
    if (request.deadline === undefined || request.reply === undefined) return undefined;
    const { sentAtMs, ttlMs } = request.deadline;
    if (!(ttlMs <= MAX_DEADLINE_MS)) return undefined;
    const ageMs = this.#clock.now().getTime() - sentAtMs;
    if (ttlMs <= 0 || !(Math.abs(ageMs) <= MAX_CLOCK_DIFFERENCE_MS)) return ttlMs;
    return ttlMs - (ageMs - this.#smallestAgeMs(JSON.stringify([sender.user, request.reply.queue]), ageMs));
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
