import type { EliminatedHost } from "@drover/model";
import { type DestinationRequest, type FilterOptions, filters } from "./filters.ts";
import type { HostView } from "./host-view.ts";
import { weigh } from "./weighers.ts";

export interface Selection {
  readonly candidates: readonly { readonly host: string; readonly weight: number }[];
  /** One entry per host that fell out, by the first filter that rejected it. */
  readonly eliminated: readonly EliminatedHost[];
}

/** Ranks the hosts that pass every filter, best first. Pure: the same view and request give the same answer. */
export function selectDestinationsFrom(
  hosts: readonly HostView[],
  request: DestinationRequest,
  options: FilterOptions,
): Selection {
  const passing: HostView[] = [];
  const eliminated: EliminatedHost[] = [];
  for (const host of hosts) {
    const rejection = firstRejection(host, request, options);
    if (rejection === undefined) passing.push(host);
    else eliminated.push(rejection);
  }
  return { candidates: weigh(passing, options), eliminated };
}

function firstRejection(
  host: HostView,
  request: DestinationRequest,
  options: FilterOptions,
): EliminatedHost | undefined {
  for (const filter of filters) {
    const reason = filter.reject(host, request, options);
    if (reason !== undefined) return { host: host.name, by: filter.name, reason };
  }
  return undefined;
}
