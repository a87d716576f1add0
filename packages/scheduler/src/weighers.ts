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

/**
 * Ranks hosts, best first; of those with equal weights the first in `hosts` is the first, so that the same question has the
 * same answer.
 *
 * @param limit So many at most.
 */
export function weigh(
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
  limit: number,
): readonly WeighedHost[] {
  const columns = weighers.flatMap((weigher) => columnOf(weigher, hosts, request, options) ?? []);
  const totals = new Float64Array(hosts.length);
  for (const column of columns) {
    for (let row = 0; row < totals.length; row += 1)
      totals[row] = (totals[row] ?? 0) + column.multiplier * scoreOf(column, row);
  }
  return bestRows(totals, limit).flatMap((row) => {
    const host = hosts[row];
    if (host === undefined) return [];
    const weights = columns.map((column): HostWeight => {
      const { weigher, values, multiplier } = column;
      return { weigher, value: values[row] ?? 0, score: scoreOf(column, row), multiplier };
    });
    return [{ host: host.name, weight: totals[row] ?? 0, weights }];
  });
}

/** What a weigher makes of all candidates. */
interface Column {
  readonly weigher: string;
  readonly multiplier: number;
  readonly values: Float64Array;
  readonly low: number;
  readonly range: number;
}

function columnOf(
  { name, multiplier, score }: HostWeigher,
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
): Column | undefined {
  const values = new Float64Array(hosts.length);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let row = 0;
  for (const host of hosts) {
    const value = score(host, request, options);
    if (value === undefined) return undefined;
    values[row] = value;
    low = Math.min(low, value);
    high = Math.max(high, value);
    row += 1;
  }
  return { weigher: name, multiplier, values, low, range: high - low };
}

function scoreOf({ values, low, range }: Column, row: number): number {
  return range === 0 ? 1 : ((values[row] ?? 0) - low) / range;
}

/** The rows with the largest totals, the largest first, without sorting all of them: most are no match for the last that is kept. */
function bestRows(totals: Float64Array, limit: number): readonly number[] {
  const best: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < totals.length; row += 1) {
    const total = totals[row] ?? 0;
    if (best.length === limit && total <= least) continue;
    best.splice(placeOf(total, best, totals), 0, row);
    if (best.length > limit) best.pop();
    least = totals[best.at(-1) ?? 0] ?? least;
  }
  return best;
}

/** Behind all rows whose totals are as large. */
function placeOf(total: number, rows: readonly number[], totals: Float64Array): number {
  let from = 0;
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((totals[rows[middle] ?? 0] ?? 0) >= total) from = middle + 1;
    else to = middle;
  }
  return from;
}
