/** The step that a new record begins with; the first of `liveMigrateSteps`. */
export const FIRST_STEP = "choose-destination";

/** The step that follows the point of no return. */
export const FIRST_STEP_AFTER_ARRIVAL = "finish-destination";
