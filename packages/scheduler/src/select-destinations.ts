import type { EliminatedHost } from "@drover/model";
import { type DestinationRequest, type FilterOptions, filters } from "./filters.ts";
import type { HostView } from "./host-view.ts";
import { type WeighedHost, weigh } from "./weighers.ts";

export interface Selection {
  readonly candidates: readonly WeighedHost[];
  /** One entry per host that fell out, by the first filter that rejected it; with `everyReason` one for each that did. */
  readonly eliminated: readonly EliminatedHost[];
}

/**
 * Ranks the hosts that pass every filter, best first. Where one was asked for, the answer is about that host alone.
 * Pure: the same view and request give the same answer.
 */
export function selectDestinationsFrom(
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
): Selection {
  const passing: HostView[] = [];
  const eliminated: EliminatedHost[] = [];
  const { requestedHost } = request;
  const meant = requestedHost === null ? hosts : hosts.filter(({ name }) => name === requestedHost);
  if (requestedHost !== null && meant.length === 0) {
    eliminated.push({ host: requestedHost, by: "requested-host", reason: "no host of that name is known" });
  }
  for (const host of meant) {
    const rejections = rejectionsOf(host, request, options);
    if (rejections.length === 0) passing.push(host);
    else eliminated.push(...rejections);
  }
  return { candidates: weigh(passing, request, options), eliminated };
}

function rejectionsOf(host: HostView, request: DestinationRequest, options: FilterOptions): readonly EliminatedHost[] {
  const found: EliminatedHost[] = [];
  for (const filter of filters) {
    const reason = filter.reject(host, request, options);
    if (reason === undefined) continue;
    found.push({ host: host.name, by: filter.name, reason });
    if (request.everyReason !== true) break;
  }
  return found;
}
