import type { Clock } from "@drover/model";
import type { HeardOf, HostStore } from "@drover/store";
import type { RestoredDatabase } from "../work/restored-database.ts";

/** Beats are gathered for this long, ms, so that a fleet costs one statement at a time and not one per host. */
const GATHER_MS = 250;

interface Gathering {
  /** What each agent remembers, {@link RestoredDatabase}. */
  readonly recordsSeenAtMs: Map<string, number>;
  readonly written: Promise<ReadonlyMap<string, HeardOf>>;
}

/** Signs of life of many hosts, written together. */
export class HeartbeatBatch {
  readonly #store: HostStore;
  readonly #clock: Clock;
  readonly #restored: RestoredDatabase;
  #gathering: Gathering | undefined;

  constructor(store: HostStore, clock: Clock, restored: RestoredDatabase) {
    this.#store = store;
    this.#clock = clock;
    this.#restored = restored;
  }

  /** Resolves when the beat is written; undefined when the store does not know the host. */
  async beat(host: string, recordsSeenAtMs: number): Promise<HeardOf | undefined> {
    this.#gathering ??= this.#gather();
    const { recordsSeenAtMs: seen, written } = this.#gathering;
    seen.set(host, Math.max(recordsSeenAtMs, seen.get(host) ?? 0));
    return (await written).get(host);
  }

  #gather(): Gathering {
    const recordsSeenAtMs = new Map<string, number>();
    const written = this.#clock.sleep(GATHER_MS).then(() => {
      this.#gathering = undefined;
      return this.#store.heartbeat([...recordsSeenAtMs.keys()], (host, heardOfBeforeMs) =>
        this.#restored.missingUpToMs(host, recordsSeenAtMs.get(host) ?? 0, heardOfBeforeMs),
      );
    });
    return { recordsSeenAtMs, written };
  }
}
