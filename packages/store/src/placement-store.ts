import type { Aggregate, Host } from "@drover/model";
import type { ListedClaim } from "./migration-store.ts";

/** What the active guests of a host have in all. */
export interface HostUsage {
  /** Without those on their way to it: their claims stand for it. */
  readonly memoryKiB: number;
  readonly vcpus: number;
}

/** A host as a destination: its record, what its active guests have, and what is claimed on it. */
export interface PlacementHost {
  readonly host: Host;
  readonly usage: HostUsage;
  readonly claims: readonly ListedClaim[];
}

export interface PlacementQuestion {
  /** `cursor` of the reading that this one is to follow. @default everything is read */
  readonly since?: number | undefined;
  /** Who is silent and what has failed is asked as well, which the changes do not tell: it comes and goes with time. */
  readonly about?: PlacementTimes | undefined;
}

export interface PlacementTimes {
  /** A host that was not heard of after this time is silent. */
  readonly silentBefore: Date;
  /** Failed migrations count from this time on. */
  readonly failedSince: Date;
}

/** What choosing a destination looks at: all of it, or what has changed since an earlier reading. */
export interface PlacementReading {
  /** For the next reading. */
  readonly cursor: number;
  /** It is everything, and what was read before is to be forgotten. */
  readonly whole: boolean;
  /** In order of name. A sign of life is no change: `lastSeenAt` is as old as the reading. */
  readonly hosts: readonly PlacementHost[];
  /** Hosts that are no more. */
  readonly gone: readonly string[];
  /** All of them where one has changed; undefined where none has. */
  readonly aggregates: readonly Aggregate[] | undefined;
  /** Where that was asked. */
  readonly about: PlacementAbout | undefined;
}

export interface PlacementAbout {
  /** All hosts that are silent now, and when each was last heard of. */
  readonly silent: ReadonlyMap<string, Date>;
  /** How many migrations to each host have failed; a host without any is absent. */
  readonly failures: ReadonlyMap<string, number>;
}

export interface PlacementStore {
  /**
   * Everything that was committed before the question is in the answer, or was in an earlier one; a change may come twice. What is
   * read grows with what has changed, not with the fleet.
   */
  read(question: PlacementQuestion): Promise<PlacementReading>;
}
