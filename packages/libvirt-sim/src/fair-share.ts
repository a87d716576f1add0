/**
 * Divides a link's capacity among transfers as TCP roughly does: equal shares, and what a transfer with a lower limit
 * leaves unused goes to the others (max-min fairness).
 *
 * `fairShare(100, [10, Infinity, Infinity])` is `[10, 45, 45]`. Shares never add up to more than `capacity`.
 */
export function fairShare(capacity: number, limits: readonly number[]): number[] {
  const shares = limits.map(() => 0);
  const byLimit = limits.map((limit, index) => ({ limit, index })).sort((a, b) => a.limit - b.limit);
  let left = Math.max(0, capacity);
  byLimit.forEach(({ limit, index }, position) => {
    const share = Math.min(limit, left / (byLimit.length - position));
    shares[index] = share;
    left -= share;
  });
  return shares;
}
