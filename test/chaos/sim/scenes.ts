import type { GuestTruth } from "@drover/libvirt-sim";
import { defaultPolicy, type MigrationPolicy } from "@drover/model";
import { SeededRandom } from "../seeded-random.ts";
import type { FaultScene } from "./faults.ts";
import { askDuring, askToMigrate } from "./operator.ts";
import { type RunPlan, type RunResult, runPlan } from "./run-seed.ts";

/** The guest of a scene, on its way from alpha to beta. */
interface Mover extends FaultScene {
  readonly on: (host: string) => GuestTruth | undefined;
  readonly when: (hasCome: () => boolean, strike: () => void) => void;
  readonly ask: (kind: "abort" | "force") => void;
}

/**
 * Trouble at one moment, told by what the hosts do and not by the clock: unlike a seed it stays the same when Drover
 * takes its time differently.
 */
export interface Scene {
  readonly what: string;
  readonly policy?: Partial<MigrationPolicy>;
  readonly play: (mover: Mover) => void;
}

const isLeaving = ({ on }: Mover) => on("alpha")?.job === "outgoing" && on("beta")?.reason === 2;
const hasArrived = ({ on }: Mover) => on("beta")?.running === true;

/** libvirtd of a host ends, and is there again a little later. */
function restartLibvirtd({ plane, clock, ledger }: Mover, host: string, awayMs = 1_500): void {
  ledger.note(host, "libvirtd ends");
  plane.fleet.faults.libvirtdDown(host);
  clock.after(awayMs, () => plane.fleet.faults.libvirtdUp(host));
}

export const SCENES: readonly Scene[] = [
  {
    what: "the source's libvirtd ends when the guest has just started on the destination",
    play: (mover) =>
      mover.when(
        () => hasArrived(mover),
        () => restartLibvirtd(mover, "alpha"),
      ),
  },
  {
    what: "the same, of a guest that stood still to be completed by force",
    play: (mover) => {
      mover.when(
        () => isLeaving(mover),
        () => mover.ask("force"),
      );
      mover.when(
        () => hasArrived(mover),
        () => restartLibvirtd(mover, "alpha"),
      );
    },
  },
  {
    what: "the source's libvirtd ends while the last numbers of an aborted copy are waited for",
    play: (mover) => {
      mover.when(
        () => isLeaving(mover),
        () => {
          mover.ask("abort");
          const isAborted = () => mover.on("alpha")?.job === "none" && mover.on("beta") === undefined;
          mover.when(isAborted, () => void mover.clock.after(50, () => restartLibvirtd(mover, "alpha", 3_000)));
        },
      );
    },
  },
  {
    what: "the destination's host goes away in post-copy",
    policy: { permitPostCopy: true },
    play: (mover) => {
      mover.when(
        () => isLeaving(mover),
        () => mover.ask("force"),
      );
      mover.when(
        () => hasArrived(mover),
        () => mover.plane.fleet.faults.hostDown("beta"),
      );
    },
  },
  {
    what: "the same, when the source's libvirtd has been restarted in post-copy",
    policy: { permitPostCopy: true, bandwidthMiBps: 20 },
    play: (mover) => {
      mover.when(
        () => isLeaving(mover),
        () => mover.ask("force"),
      );
      mover.when(
        () => hasArrived(mover),
        () => {
          restartLibvirtd(mover, "alpha", 300);
          mover.clock.after(800, () => mover.plane.fleet.faults.hostDown("beta"));
        },
      );
    },
  },
  {
    what: "it is aborted while the destination's libvirtd is slow to prepare",
    play: (mover) => {
      mover.plane.fleet.faults.onCall("beta", "domainLookupByUUID", { kind: "delay", delayMs: 7_000 }, 2);
      mover.clock.after(1_500, () => mover.ask("abort"));
    },
  },
  {
    what: "a conductor is frozen with an old report of a host in its hands",
    play: (mover) => {
      mover.when(
        () => isLeaving(mover),
        () => {
          const { plane, clock } = mover;
          for (const { process } of plane.conductors) process.freeze();
          clock.after(2_500, () => plane.conductors[1]?.process.thaw());
          clock.after(15_000, () => plane.conductors[0]?.process.thaw());
        },
      );
    },
  },
];

const LASTS_MS = 20_000;

/** Plays a scene with the small times (messages, disks) drawn from `seed`. */
export async function playScene({ policy, play }: Scene, seed: number): Promise<RunResult> {
  const plan: RunPlan = {
    seed,
    order: new SeededRandom(seed),
    times: new SeededRandom(seed + 1_000),
    guests: [{ guest: { name: "web", host: "alpha", memoryMiB: 512, touchedMiB: 300, dirtyMiBps: 10 }, paused: false }],
    policy: { ...defaultPolicy, ...policy },
    linkMiBps: 100,
    confirmMs: 200,
    befall: async (scene, [guest], step) => {
      if (guest === undefined) throw new RangeError("a scene has one guest");
      let migrationUuid: string | undefined;
      const mover: Mover = {
        ...scene,
        on: (host) => scene.plane.fleet.guests().find((truth) => truth.host === host),
        when: (hasCome, strike) => void scene.moments.add({ hasCome, strike }),
        ask: (kind) => {
          if (migrationUuid !== undefined) void askDuring(scene, guest.name, migrationUuid, kind);
        },
      };
      play(mover);
      void askToMigrate(scene, guest, "beta").then((uuid) => {
        migrationUuid = uuid;
      });
      await scene.clock.pass(scene.clock.monotonicMs() + LASTS_MS, step);
    },
  };
  return await runPlan(plan);
}
