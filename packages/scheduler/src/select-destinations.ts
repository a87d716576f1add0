import type { EliminatedHost } from "@drover/model";
import { type DestinationRequest, type FilterOptions, filters, type HostFilter } from "./filters.ts";
import type { HostView } from "./host-view.ts";
import { type WeighedHost, weigh } from "./weighers.ts";

export interface Selection {
  /** The best first; as many as were asked for. */
  readonly candidates: readonly WeighedHost[];
  /** How many hosts passed every filter. */
  readonly passed: number;
  /**
   * One entry per host that fell out, by the first filter that rejected it; with `everyReason` one for each that did. With a
   * `limit`, of each filter so many.
   */
  readonly eliminated: readonly EliminatedHost[];
  /** How many hosts fell out. */
  readonly fellOut: number;
}

/**
 * Ranks the hosts that pass every filter, best first. Where one was asked for, the answer is about that host alone.
 * Pure: the same view and request give the same answer.
 *
 * @param hosts In order of name.
 */
export function selectDestinationsFrom(
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
): Selection {
  const { limit = Number.POSITIVE_INFINITY } = request;
  const passing: HostView[] = [];
  const eliminated: EliminatedHost[] = [];
  const rejectedBy = new Map<string, number>();
  const { requestedHost } = request;
  const meant = requestedHost === null ? hosts : hosts.filter(({ name }) => name === requestedHost);
  if (requestedHost !== null && meant.length === 0) {
    const unknown = { host: requestedHost, by: "requested-host", reason: "no host of that name is known" };
    return { candidates: [], passed: 0, eliminated: [unknown], fellOut: 1 };
  }
  const asked = filters.filter((filter) => filter.isAsked?.(request) ?? true);
  for (const host of meant) {
    const rejections = rejectionsOf(asked, host, request, options);
    if (rejections.length === 0) passing.push(host);
    for (const rejection of rejections) {
      const rejected = rejectedBy.get(rejection.by) ?? 0;
      rejectedBy.set(rejection.by, rejected + 1);
      if (rejected < limit) eliminated.push(rejection);
    }
  }
  const candidates = weigh(passing, request, options, Math.min(limit, passing.length));
  return { candidates, passed: passing.length, eliminated, fellOut: meant.length - passing.length };
}

const NONE: readonly EliminatedHost[] = [];

function rejectionsOf(
  asked: readonly HostFilter[],
  host: HostView,
  request: DestinationRequest,
  options: FilterOptions,
): readonly EliminatedHost[] {
  let found = NONE;
  for (const filter of asked) {
    const reason = filter.reject(host, request, options);
    if (reason === undefined) continue;
    found = [...found, { host: host.name, by: filter.name, reason }];
    if (request.everyReason !== true) break;
  }
  return found;
}
