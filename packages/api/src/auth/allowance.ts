import { type Clock, DroverError } from "@drover/model";

export interface AllowanceOptions {
  /** So many at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** Keys that are told apart at most; the one that was quiet for longest is forgotten first, and begins anew. */
  readonly maxKeys: number;
  readonly clock: Clock;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** How often something may be done, for each of many who do it: so many at once, and then so many a second. */
export class Allowance {
  readonly #options: AllowanceOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: AllowanceOptions) {
    this.#options = options;
  }

  /** Takes one, where one is left. */
  take(key: string): boolean {
    const bucket = this.#refilled(key);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** Gives back one that was taken and not needed. */
  giveBack(key: string): void {
    const bucket = this.#refilled(key);
    bucket.left = Math.min(this.#options.burst, bucket.left + 1);
  }

  /** Seconds until one is left; 0 where one is. */
  waitSeconds(key: string): number {
    if (!this.#buckets.has(key)) return 0;
    const missing = 1 - this.#refilled(key).left;
    return missing <= 0 ? 0 : missing / this.#options.perSecond;
  }

  #refilled(key: string): Bucket {
    const { burst, perSecond, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const bucket = this.#buckets.get(key) ?? { left: burst, atMs: nowMs };
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
    // Those that were used last are the last.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#forget();
    return bucket;
  }

  #forget(): void {
    if (this.#buckets.size <= this.#options.maxKeys) return;
    const [quietest] = this.#buckets.keys();
    if (quietest !== undefined) this.#buckets.delete(quietest);
  }
}

/** The refusal of what there is no allowance for. */
export function tooMany(what: string, waitSeconds: number): DroverError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitSeconds));
  const message = `${what}: ask again in ${retryAfterSeconds} s`;
  return new DroverError("too-many-requests", message, { details: { retryAfterSeconds } });
}
