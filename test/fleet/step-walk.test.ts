import { liveMigrateOutline } from "@drover/conductor";
import * as contracts from "@drover/contracts";
import { describe, expect, it, vi } from "vitest";
import { straight } from "./step-courses.ts";
import { troublesOf } from "./step-troubles.ts";
import { walkWithCrash, walkWithTrouble } from "./step-walk.ts";
import { type StepRequest, walkedSteps } from "./walked-steps.ts";

// Each case waits more than it works.
vi.setConfig({ maxConcurrency: 12 });

const moments = ["before", "after"] as const;
const requestCases = (requests: readonly StepRequest[]) =>
  requests.flatMap((request) =>
    troublesOf(request).map((trouble) => ({ request, trouble, method: request.contract.method, what: trouble.what })),
  );
const crashCases = (writes: readonly string[]) =>
  writes.flatMap((event) => moments.map((moment) => ({ event, moment })));

describe("the walk", () => {
  it("knows each step of a live migration, and no other", () => {
    expect(Object.keys(walkedSteps)).toEqual(liveMigrateOutline.map(({ name }) => name));
    for (const { name, hasUndo } of liveMigrateOutline)
      expect([name, walkedSteps[name]?.undo !== undefined]).toEqual([name, hasUndo]);
  });

  it("knows everything that agents and schedulers can be asked", () => {
    const asked = Object.values(contracts)
      .flatMap((value) => (typeof value === "object" && "method" in value && "topic" in value ? [value] : []))
      .filter(({ topic }) => topic.startsWith("compute") || topic === "scheduler")
      .map(({ method }) => method);
    const walked = Object.values(walkedSteps)
      .flatMap(({ requests, undo }) => [...requests, ...(undo?.requests ?? [])])
      .map(({ contract }) => contract.method);
    expect(asked.filter((method) => !walked.includes(method))).toEqual([]);
  });
});

describe.concurrent.for(Object.entries(walkedSteps))("the step %s", ([step, { requests, writes }]) => {
  it.for(requestCases(requests))("is well when $method $what", async ({ request, trouble }) => {
    await walkWithTrouble(step, request, trouble);
  });

  it.for(crashCases(writes))("is well when the conductor dies $moment writing “$event”", async ({ event, moment }) => {
    await walkWithCrash(straight, event, moment);
  });
});

const undos = Object.entries(walkedSteps).flatMap(([step, { undo }]) => (undo === undefined ? [] : [{ step, undo }]));

describe.concurrent.for(undos)("the undo of $step", ({ step, undo }) => {
  const { requests, writes, course } = undo;

  it.for(requestCases(requests))("is well when $method $what", async ({ request, trouble }) => {
    await walkWithTrouble(step, request, trouble);
  });

  it.for(crashCases(writes))("is well when the conductor dies $moment writing “$event”", async ({ event, moment }) => {
    await walkWithCrash(course, event, moment);
  });
});
