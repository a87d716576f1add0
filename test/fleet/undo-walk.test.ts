import { describe, it, vi } from "vitest";
import { troubleCases } from "./step-troubles.ts";
import { walkWithTrouble } from "./step-walk.ts";
import { walkedSteps } from "./walked-steps.ts";

// Each case waits more than it works.
vi.setConfig({ maxConcurrency: 8, testTimeout: 120_000 });

const undos = Object.entries(walkedSteps).flatMap(([step, { undo }]) =>
  undo === undefined || undo.requests.length === 0 ? [] : [{ step, undo }],
);

describe.concurrent.for(undos)("the undo of $step leaves nothing behind", ({ step, undo }) => {
  it.for(troubleCases(undo.requests))("when $method of $course $what", async ({ request, trouble }) => {
    await walkWithTrouble(step, request, trouble);
  });
});
