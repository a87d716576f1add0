/**
 * How long to wait before try number `attempt` (from 1), ms: doubling from `firstMs` to at most `mostMs`. No jitter:
 * every agent talks to its own libvirtd, and the broker spreads the rest.
 */
export function backoffMs(attempt: number, firstMs: number, mostMs: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
}
