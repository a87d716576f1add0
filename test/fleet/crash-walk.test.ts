import { describe, it, vi } from "vitest";
import { straight } from "./step-courses.ts";
import { walkWithCrash } from "./step-walk.ts";
import { walkedSteps } from "./walked-steps.ts";

// Each case waits more than it works.
vi.setConfig({ maxConcurrency: 8, testTimeout: 120_000 });

/** Between what a step or an undo does and its being written, and before anybody hears that it was. */
const moments = ["before", "after"] as const;

const crashes = Object.entries(walkedSteps).flatMap(([step, { writes, undo }]) => [
  ...writes.map((event) => ({ what: `the step ${step}`, event, course: straight })),
  ...(undo?.writes ?? []).map((event) => ({ what: `the undo of ${step}`, event, course: undo?.course ?? straight })),
]);

describe.concurrent.for(moments)("a conductor that dies %s a write", (moment) => {
  it.for(crashes)("leaves nothing behind in $what, “$event”: another repeats it", async ({ event, course }) => {
    await walkWithCrash(course, event, moment);
  });
});
