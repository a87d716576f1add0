/**
 * What each step of a live migration says to agents and to the scheduler, and writes. This is all that a new step, or a
 * new request of one, has to be added to: the cases of the walk are derived from it and from the conductor's list.
 */
import type { CallContract, CastContract } from "@drover/bus";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  checkDestinationReach,
  findGuest,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationResume,
  liveMigrationTune,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  reportMigrationEvent,
  reportMigrationOutcome,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
  selectDestinations,
} from "@drover/contracts";
import {
  aborted,
  type Course,
  copyRefused,
  forced,
  long,
  preparationRefused,
  resumed,
  soonDoubted,
  straight,
  tuned,
} from "./step-courses.ts";

/**
 * How a failed request is taken, by whoever sends it:
 *
 * - `none`: its failure is an answer, and the step has failed.
 * - `some`: a silence is tried again a few times; one that lasts, and what is refused, fails the step.
 * - `for-silence`: a silence is waited out; what is refused fails the step.
 * - `for-a-while`: it is sent again whatever happens; when that does not help for long, both hosts are asked.
 * - `for-ever`: it is sent again until it succeeds.
 */
type Patience = "none" | "some" | "for-silence" | "for-a-while" | "for-ever";

type Contract = Pick<
  CallContract<unknown, unknown> | CastContract<unknown>,
  "kind" | "topic" | "method" | "access" | "errors"
>;

export interface StepRequest {
  readonly contract: Contract;
  readonly patience: Patience;
  /** Leads the migration to where it is sent. */
  readonly course: Course;
}

export interface WalkedStep {
  readonly requests: readonly StepRequest[];
  /** Log lines of its writes to the record: what it is about to do, and its output. */
  readonly writes: readonly string[];
  /** For a step that has one. */
  readonly undo?: WalkedUndo;
}

interface WalkedUndo {
  readonly requests: readonly StepRequest[];
  readonly writes: readonly string[];
  /** A later step fails, or this one where none after it is undone. */
  readonly course: Course;
}

/** For reports, the sender is an agent. */
const request = (contract: StepRequest["contract"], patience: Patience, course: Course = straight): StepRequest => ({
  contract,
  patience,
  course,
});

export const walkedSteps: Readonly<Record<string, WalkedStep>> = {
  "choose-destination": {
    requests: [
      request(selectDestinations, "for-silence"),
      request(checkCanLiveMigrateSource, "some"),
      request(proveStorage, "some"),
      request(checkCanLiveMigrateDestination, "none"),
      request(checkDestinationReach, "none"),
    ],
    writes: ["choose-destination"],
    undo: { requests: [], writes: ["undone"], course: preparationRefused },
  },
  "prepare-destination": {
    requests: [request(preLiveMigration, "some")],
    writes: ["prepare-destination"],
    undo: {
      requests: [request(rollbackLiveMigrationAtDestination, "for-ever", copyRefused)],
      writes: ["undo prepare-destination"],
      course: copyRefused,
    },
  },
  "move-guest": {
    requests: [
      request(liveMigration, "for-a-while", soonDoubted),
      request(reportMigrationEvent, "for-ever"),
      request(findGuest, "for-ever", long),
      request(liveMigrationForceComplete, "for-ever", forced),
      request(liveMigrationTune, "for-ever", tuned),
      request(liveMigrationResume, "for-ever", resumed),
      request(liveMigrationAbort, "for-ever", aborted),
      request(reportMigrationOutcome, "for-ever"),
    ],
    writes: ["move-guest", "started", "outcome: arrived"],
    undo: {
      requests: [
        request(rollbackLiveMigration, "for-ever", aborted),
        request(rollbackLiveMigration, "for-ever", copyRefused),
      ],
      writes: ["undo move-guest"],
      course: aborted,
    },
  },
  "finish-destination": {
    requests: [request(postLiveMigrationAtDestination, "for-ever")],
    writes: ["finish-destination"],
  },
  "release-source": {
    requests: [request(postLiveMigration, "for-ever")],
    writes: ["done"],
  },
};
