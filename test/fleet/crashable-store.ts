import { DroverError } from "@drover/model";
import type { Store } from "@drover/store";

/** A conductor's death, at one of its writes. */
interface Crash {
  /** Resolves when it has happened: from then on nothing of that conductor reaches the store, nor it the conductor. */
  readonly happened: Promise<void>;
}

/** The store as one conductor has it: a crash of the conductor is all of its connections breaking at one write. */
export interface CrashableStore extends Store {
  /**
   * The conductor dies at its next write of a migration whose log line is `event`: `before` it is made, or `after`, when
   * nobody is left to hear of it.
   */
  crashAt(event: string, when: "before" | "after"): Crash;
  /** Another conductor has taken its place. */
  revive(): void;
}

interface ArmedCrash {
  readonly event: string;
  readonly when: "before" | "after";
  readonly happen: () => void;
}

type Update = Store["migrations"]["update"];

/** Whoever else uses `store` itself is not concerned. */
export function crashableStore(store: Store): CrashableStore {
  let armed: ArmedCrash | undefined;
  let isDead = false;
  const alive = () => {
    if (isDead) throw new DroverError("unavailable", "the conductor has crashed: nothing of it reaches the store");
  };
  const die = (crash: ArmedCrash) => {
    [isDead, armed] = [true, undefined];
    crash.happen();
  };
  const update: Update = async (uuid, expected, change, log) => {
    alive();
    const crash = armed?.event === log?.event ? armed : undefined;
    if (crash?.when === "before") die(crash);
    alive();
    const written = await store.migrations.update(uuid, expected, change, log);
    if (crash !== undefined) die(crash);
    alive();
    return written;
  };
  return {
    ...gated(store, alive),
    migrations: { ...gated(store.migrations, alive), update },
    claims: gated(store.claims, alive),
    hosts: gated(store.hosts, alive),
    guests: gated(store.guests, alive),
    progress: gated(store.progress, alive),
    histories: gated(store.histories, alive),
    crashAt: (event, when) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      armed = { event, when, happen: resolve };
      return { happened: promise };
    },
    revive: () => {
      isDead = false;
    },
  };
}

function gated<Part extends object>(part: Part, alive: () => void): Part {
  return new Proxy(part, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return async (...given: readonly unknown[]) => {
        alive();
        return await Reflect.apply(value, target, given);
      };
    },
  });
}
