import type { HostWeight } from "@drover/model";
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
const incoming: HostWeigher = {
  name: "incoming-migrations",
  multiplier: 2,
  score: (host) => 0 - host.incomingMigrations,
};

/** A host that guests lately failed to come to is tried last, whatever its memory and its link. */
const failures: HostWeigher = { name: "recent-failures", multiplier: 4, score: (host) => 0 - host.recentFailures };

const weighers: readonly HostWeigher[] = [ram, incoming, failures];

/** A host that passed the filters, with the weight that ranks it and what that is the sum of. */
export interface WeighedHost {
  readonly host: string;
  readonly weight: number;
  readonly weights: readonly HostWeight[];
}

/** Ranks hosts, best first; equal weights in order of name, so that the same question has the same answer. */
export function weigh(hosts: readonly HostView[], options: FilterOptions): readonly WeighedHost[] {
  const columns = weighers.map((weigher) => weightsBy(weigher, hosts, options));
  return hosts
    .map((host, row) => {
      const weights = columns.flatMap((column) => column[row] ?? []);
      const weight = weights.reduce((sum, { multiplier, score }) => sum + multiplier * score, 0);
      return { host: host.name, weight, weights };
    })
    .sort((a, b) => b.weight - a.weight || (a.host < b.host ? -1 : 1));
}

function weightsBy(weigher: HostWeigher, hosts: readonly HostView[], options: FilterOptions): readonly HostWeight[] {
  const { name, multiplier } = weigher;
  const values = hosts.map((host) => weigher.score(host, options));
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return values.map((value) => ({
    weigher: name,
    value,
    score: high === low ? 1 : (value - low) / (high - low),
    multiplier,
  }));
}
