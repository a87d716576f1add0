import { liveMigrateOutline } from "@drover/conductor";
import * as contracts from "@drover/contracts";
import { describe, expect, it, vi } from "vitest";
import { troubleCases } from "./step-troubles.ts";
import { walkWithTrouble } from "./step-walk.ts";
import { walkedSteps } from "./walked-steps.ts";

// Each case waits more than it works; with more at once, heartbeats of a busy machine come late for the hurried clock.
vi.setConfig({ maxConcurrency: 8, testTimeout: 120_000 });

describe("the walk", () => {
  it("knows each step of a live migration and its undo, and no other", () => {
    const walked = Object.entries(walkedSteps).map(([name, { undo }]) => ({ name, hasUndo: undo !== undefined }));
    expect(walked).toEqual(liveMigrateOutline.map(({ name, hasUndo }) => ({ name, hasUndo })));
  });

  it("knows everything that agents and schedulers can be asked", () => {
    const asked = Object.values(contracts)
      .flatMap((value) => (typeof value === "object" && "method" in value && "topic" in value ? [value] : []))
      .filter(({ topic }) => topic.startsWith("compute") || topic === "scheduler")
      .map(({ method }) => method);
    const walked = Object.values(walkedSteps)
      .flatMap(({ requests, undo }) => [...requests, ...(undo?.requests ?? [])])
      .map(({ contract }) => contract.method);
    expect(asked).not.toEqual([]);
    // Nothing waits for it, and what it would remove goes by itself: the agent's shared-storage.test.ts has it.
    // Pausing belongs to no migration: fleet/server-requests.test.ts has it.
    const elsewhere = ["end_storage_proof", "pause_instance", "unpause_instance"];
    expect(asked.filter((method) => !walked.includes(method)).toSorted()).toEqual(elsewhere);
  });
});

describe.concurrent.for(Object.entries(walkedSteps))("the step %s leaves nothing behind", ([step, { requests }]) => {
  it.for(troubleCases(requests))("when $method of $course $what", async ({ request, trouble }) => {
    await walkWithTrouble(step, request, trouble);
  });
});
