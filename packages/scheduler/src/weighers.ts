import type { HostWeight } from "@drover/model";
import { type DestinationRequest, type FilterOptions, freeMemoryKiB } from "./filters.ts";
import type { HostView } from "./host-view.ts";

/** Prefers hosts; larger is better. Scores are scaled to 0–1 over the candidates, so that multipliers compare. */
interface HostWeigher {
  readonly name: string;
  readonly multiplier: number;
  /** Undefined where the request has nothing to do with it: it is then left out for all hosts. */
  score(host: HostView, request: DestinationRequest, options: FilterOptions): number | undefined;
}

const ram: HostWeigher = {
  name: "ram",
  multiplier: 1,
  score: (host, _request, options) => freeMemoryKiB(host, options),
};

/** Guests on their way to a host share its link: it outweighs free memory. */
const incoming: HostWeigher = {
  name: "incoming-migrations",
  multiplier: 2,
  score: (host) => 0 - host.incomingMigrations,
};

/** Somebody's wish where a server is to be outweighs what is better for the hosts, yet not that it arrives at all. */
const SOFT_POLICY_MULTIPLIER = 4;

const softAffinity: HostWeigher = {
  name: "soft-affinity",
  multiplier: SOFT_POLICY_MULTIPLIER,
  score: ({ name }, { placement: { group } }) =>
    group?.policy === "soft-affinity" ? (group.membersOn.get(name) ?? 0) : undefined,
};

const softAntiAffinity: HostWeigher = {
  name: "soft-anti-affinity",
  multiplier: SOFT_POLICY_MULTIPLIER,
  score: ({ name }, { placement: { group } }) =>
    group?.policy === "soft-anti-affinity" ? 0 - (group.membersOn.get(name) ?? 0) : undefined,
};

/** A host that guests lately failed to come to is tried last, whatever else speaks for it. */
const failures: HostWeigher = { name: "recent-failures", multiplier: 8, score: (host) => 0 - host.recentFailures };

const weighers: readonly HostWeigher[] = [ram, incoming, softAffinity, softAntiAffinity, failures];

/** A host that passed the filters, with the weight that ranks it and what that is the sum of. */
export interface WeighedHost {
  readonly host: string;
  readonly weight: number;
  readonly weights: readonly HostWeight[];
}

/** Ranks hosts, best first; equal weights in order of name, so that the same question has the same answer. */
export function weigh(
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
): readonly WeighedHost[] {
  const columns = weighers.map((weigher) => weightsBy(weigher, hosts, request, options));
  return hosts
    .map((host, row) => {
      const weights = columns.flatMap((column) => column[row] ?? []);
      const weight = weights.reduce((sum, { multiplier, score }) => sum + multiplier * score, 0);
      return { host: host.name, weight, weights };
    })
    .sort((a, b) => b.weight - a.weight || (a.host < b.host ? -1 : 1));
}

function weightsBy(
  weigher: HostWeigher,
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
): readonly HostWeight[] {
  const { name, multiplier } = weigher;
  const values = hosts.flatMap((host) => weigher.score(host, request, options) ?? []);
  if (values.length < hosts.length) return [];
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return values.map((value) => ({
    weigher: name,
    value,
    score: high === low ? 1 : (value - low) / (high - low),
    multiplier,
  }));
}
