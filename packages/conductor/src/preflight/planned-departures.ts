import type { PreCheck, ServerGroup } from "@drover/model";

/** A server that is to leave, as far as room for it is concerned. */
export interface Departing {
  readonly name: string;
  readonly memoryKiB: number;
  readonly group: Pick<ServerGroup, "name" | "policy" | "maxServersPerHost"> | null;
}

/** Servers of one host that are to leave it together, each with where it is to go: what one takes, the next does not find. */
export class PlannedDepartures {
  readonly #to = new Map<string, Departing[]>();

  add(host: string, server: Departing): void {
    const planned = this.#to.get(host) ?? [];
    planned.push(server);
    this.#to.set(host, planned);
  }

  hosts(): readonly { readonly host: string; readonly servers: number; readonly memoryKiB: number }[] {
    return [...this.#to]
      .map(([host, servers]) => ({ host, servers: servers.length, memoryKiB: memoryOf(servers) }))
      .sort((a, b) => (a.host < b.host ? -1 : 1));
  }

  /**
   * What of `host` the others leave to `server`.
   *
   * @param memoryLeftKiB What the host has for it alone.
   */
  checks(host: string, server: Departing, memoryLeftKiB: number): readonly PreCheck[] {
    const planned = this.#to.get(host) ?? [];
    if (planned.length === 0) return [];
    return [memoryTogether(host, server, memoryLeftKiB, planned), ...apartTogether(host, server, planned)];
  }
}

function memoryTogether(
  host: string,
  server: Departing,
  memoryLeftKiB: number,
  planned: readonly Departing[],
): PreCheck {
  const names = planned.map(({ name }) => name).join(", ");
  const taken = memoryOf(planned);
  const passed = server.memoryKiB + taken <= memoryLeftKiB;
  const [needs, has, others] = [server.memoryKiB, memoryLeftKiB, taken].map((kib) => `${Math.floor(kib / 1024)} MiB`);
  const message = `${host} has ${has}, of which ${names} would take ${others}; ${server.name} needs ${needs}`;
  return { check: "memory-together", passed, message };
}

/** The scheduler knows who of a group is there, not who is to come. */
function apartTogether(host: string, { group }: Departing, planned: readonly Departing[]): readonly PreCheck[] {
  if (group?.policy !== "anti-affinity") return [];
  const others = planned.filter((other) => other.group?.name === group.name).map(({ name }) => name);
  if (others.length < group.maxServersPerHost) return [];
  const message = `the group ${group.name} is to be apart, and ${others.join(", ")} would go to ${host}`;
  return [{ check: "anti-affinity", passed: false, message }];
}

function memoryOf(servers: readonly Departing[]): number {
  return servers.reduce((sum, { memoryKiB }) => sum + memoryKiB, 0);
}
