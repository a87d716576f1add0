import type { Clock } from "@drover/model";
import type { HeardOf, HostStore } from "@drover/store";

/** Beats are gathered for this long, ms, so that a fleet costs one statement at a time and not one per host. */
const GATHER_MS = 250;

interface Gathering {
  readonly hosts: Set<string>;
  readonly written: Promise<ReadonlyMap<string, HeardOf>>;
}

/** Signs of life of many hosts, written together. */
export class HeartbeatBatch {
  readonly #store: HostStore;
  readonly #clock: Clock;
  #gathering: Gathering | undefined;

  constructor(store: HostStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Resolves when the beat is written; undefined when the store does not know the host. */
  async beat(host: string): Promise<HeardOf | undefined> {
    this.#gathering ??= this.#gather();
    this.#gathering.hosts.add(host);
    return (await this.#gathering.written).get(host);
  }

  #gather(): Gathering {
    const hosts = new Set<string>();
    const written = this.#clock.sleep(GATHER_MS).then(() => {
      this.#gathering = undefined;
      return this.#store.heartbeat([...hosts]);
    });
    return { hosts, written };
  }
}
