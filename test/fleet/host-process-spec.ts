/** Each guest: what a copy of it has to carry at least, and what its guest writes meanwhile. */
export const GUEST = { memoryMiB: 1_024, touchedMiB: 800, dirtyMiBps: 2 } as const;

/** What a process of simulated hosts is started with. Its guests migrate between its hosts: each host's to the next. */
export interface HostProcessSpec {
  /** Begins the names of its hosts. */
  readonly name: string;
  readonly hosts: number;
  readonly guestsPerHost: number;
  /** What each pair of hosts can carry, MiB/s in one direction. */
  readonly linkMiBps: number;
  readonly busUrl: string;
  readonly progressUrl: string;
}

/** Changes what hosts can send to the next one, or asks for {@link HostProcessState}. */
export type HostProcessRequest = { readonly linkMiBps: number } | { readonly ask: "state" };

/** What is true of its hosts, past the protocol and the agents. */
export interface HostProcessState {
  /** Every definition on every host. */
  readonly guests: readonly {
    readonly uuid: string;
    readonly name: string;
    readonly host: string;
    readonly running: boolean;
  }[];
  /** What the agents' state files have of migrations that are not over, in words. */
  readonly held: readonly string[];
}

export function hostNames({ name, hosts }: Pick<HostProcessSpec, "name" | "hosts">): string[] {
  return Array.from({ length: hosts }, (_, index) => `${name}-${index}`);
}

export function guestNames({ guestsPerHost }: Pick<HostProcessSpec, "guestsPerHost">, host: string): string[] {
  return Array.from({ length: guestsPerHost }, (_, index) => `${host}-guest-${index}`);
}

/** Where the guests of a host are sent; the last host's to the first. */
export function nextOf(hosts: readonly string[], host: string): string {
  const next = hosts[(hosts.indexOf(host) + 1) % hosts.length];
  if (next === undefined) throw new RangeError(`${host} is not among the hosts`);
  return next;
}
