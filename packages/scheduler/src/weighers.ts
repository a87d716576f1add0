import { type FilterOptions, freeMemoryKiB } from "./filters.ts";
import type { HostView } from "./host-view.ts";

/** Prefers hosts; larger is better. Scores are scaled to 0–1 over the candidates, so that multipliers compare. */
interface HostWeigher {
  readonly name: string;
  readonly multiplier: number;
  score(host: HostView, options: FilterOptions): number;
}

const ram: HostWeigher = { name: "ram", multiplier: 1, score: freeMemoryKiB };

/** Guests on their way to a host share its link: it outweighs free memory. */
const incoming: HostWeigher = { name: "incoming-migrations", multiplier: 2, score: (host) => -host.incomingMigrations };

const weighers: readonly HostWeigher[] = [ram, incoming];

/** Ranks hosts, best first; equal weights in order of name, so that the same question has the same answer. */
export function weigh(
  hosts: readonly HostView[],
  options: FilterOptions,
): readonly { readonly host: string; readonly weight: number }[] {
  const weights = new Map(hosts.map((host) => [host.name, 0]));
  for (const weigher of weighers) {
    const scores = hosts.map((host) => weigher.score(host, options));
    const low = Math.min(...scores);
    const span = Math.max(...scores) - low;
    for (const [index, host] of hosts.entries()) {
      const scaled = span === 0 ? 1 : ((scores[index] ?? low) - low) / span;
      weights.set(host.name, (weights.get(host.name) ?? 0) + weigher.multiplier * scaled);
    }
  }
  return [...weights]
    .map(([host, weight]) => ({ host, weight }))
    .sort((a, b) => b.weight - a.weight || (a.host < b.host ? -1 : 1));
}
