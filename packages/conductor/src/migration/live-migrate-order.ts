/** The step that a new record begins with; the first of `liveMigrateSteps`. */
export const FIRST_STEP = "choose-destination";

/** The step that follows the point of no return. */
export const FIRST_STEP_AFTER_ARRIVAL = "finish-destination";

/** The step in which libvirt copies: its undo makes sure that no copy is under way any more. */
export const STEP_OF_THE_COPY = "move-guest";
