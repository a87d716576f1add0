/** libvirt's domain states, in its own words (`virDomainState`). */
export type PowerState =
  | "nostate"
  | "running"
  | "blocked"
  | "paused"
  | "shutdown"
  | "shutoff"
  | "crashed"
  | "pmsuspended";

/** One definition of a guest as one host's libvirt reports it. Several hosts may report the same uuid. */
export interface ObservedGuest {
  readonly uuid: string;
  readonly name: string;
  readonly powerState: PowerState;
  /** True when libvirt keeps a definition on disk. */
  readonly persistent: boolean;
  readonly vcpus: number;
  readonly memoryKiB: number;
  /** An incoming or outgoing migration job is under way, whoever started it. */
  readonly migrating: boolean;
  /** What its operators say of it, for policies. @default nothing */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Every {@link GuestStanding}, for schemas. */
export const GUEST_STANDINGS = [
  "absent",
  "off",
  "running",
  "paused",
  "paused-by-migration",
  "post-copy",
  "left-in-post-copy",
  "post-copy-broken",
] as const;

/**
 * Where one host stands with a guest, finer than its power state: what decides whether another copy can run.
 *
 * - `absent`: libvirt does not know it. `off`: only a definition is there.
 * - `running`: it has processors and all its memory here.
 * - `paused`: it stands still, and no migration made it: a person or a device error did.
 * - `paused-by-migration`: on the source it was stopped to be switched over; on the destination it was never started.
 * - `post-copy`: it runs here while memory is still on its source.
 * - `left-in-post-copy`: it ran here and runs on the destination now, which still fetches memory from here.
 * - `post-copy-broken`: the same, on either side, and the link between the two is gone.
 */
export type GuestStanding = (typeof GUEST_STANDINGS)[number];

/** A guest as one host reported it, and when. */
export interface GuestSighting extends ObservedGuest {
  readonly host: string;
  readonly seenAt: Date;
}

/** Without processors that hold state in memory. */
export const INACTIVE_STATES: ReadonlySet<PowerState> = new Set(["shutoff", "nostate", "crashed"]);

/** The guest has processors that hold state in memory: it can be moved live. */
export function isActive(powerState: PowerState): boolean {
  return !INACTIVE_STATES.has(powerState);
}

/** What keeps a server from being changed by anybody but an administrator. */
export interface ServerLock {
  /** Null where none was given. */
  readonly reason: string | null;
  readonly lockedBy: string;
  /** Locked by an administrator: nobody else takes the lock away. */
  readonly byAdmin: boolean;
  readonly lockedAt: Date;
}

/**
 * A server is one libvirt uuid over all hosts. `host` is where it runs, or where its newest shut-off definition lies;
 * `leftovers` are the other hosts' shut-off definitions; `runsTwice` names the hosts when two run it: an alarm, and
 * every action on it is refused.
 */
export interface Server {
  readonly uuid: string;
  readonly name: string;
  readonly host: string;
  readonly powerState: PowerState;
  readonly vcpus: number;
  readonly memoryKiB: number;
  readonly persistent: boolean;
  readonly seenAt: Date;
  readonly leftovers: readonly string[];
  readonly runsTwice: readonly string[];
  /** What its definition there says of it, for policies. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Decides what a server is from the sightings of one uuid; `undefined` for none.
 *
 * While a guest migrates both hosts know its uuid: the destination's copy is paused and `migrating` until the
 * switch-over, so a copy that is migrating in and not running does not count as a second run.
 */
export function serverFromSightings(sightings: readonly GuestSighting[]): Server | undefined {
  const running = sightings.filter((sighting) => countsAsRunning(sighting, sightings));
  const chosen = newest(running) ?? newest(sightings);
  if (chosen === undefined) return undefined;
  return {
    uuid: chosen.uuid,
    name: chosen.name,
    host: chosen.host,
    powerState: chosen.powerState,
    vcpus: chosen.vcpus,
    memoryKiB: chosen.memoryKiB,
    persistent: chosen.persistent,
    seenAt: chosen.seenAt,
    leftovers: sightings
      .filter((sighting) => !isActive(sighting.powerState) && sighting !== chosen)
      .map(hostOf)
      .sort(),
    runsTwice: running.length > 1 ? running.map(hostOf).sort() : [],
    metadata: chosen.metadata ?? {},
  };
}

function countsAsRunning(sighting: GuestSighting, all: readonly GuestSighting[]): boolean {
  if (!isActive(sighting.powerState)) return false;
  const waitsForSwitchOver = sighting.powerState === "paused" && sighting.migrating;
  return !waitsForSwitchOver || all.every((other) => other === sighting || !isActive(other.powerState));
}

function newest(sightings: readonly GuestSighting[]): GuestSighting | undefined {
  return sightings.reduce<GuestSighting | undefined>(
    (best, sighting) => (best === undefined || sighting.seenAt > best.seenAt ? sighting : best),
    undefined,
  );
}

function hostOf(sighting: GuestSighting): string {
  return sighting.host;
}
