import { liveMigrateSteps } from "./live-migrate.ts";
import type { MigrationStep } from "./step.ts";

/** What others may know of a step: its name in records and logs, and what its failure leads to. */
export interface StepOutline extends Pick<MigrationStep, "name" | "untilDone"> {
  /** It is taken back when it, or one after it, fails. */
  readonly hasUndo: boolean;
}

/** The steps of a live migration, in their order: for tests that walk all of them. */
export const liveMigrateOutline: readonly StepOutline[] = liveMigrateSteps.map(({ name, undo, untilDone }) => ({
  name,
  untilDone,
  hasUndo: undo !== undefined,
}));
