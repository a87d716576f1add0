import { describe, expect, test } from "vitest";
import { decideOutcome, type EndFacts } from "./decide-outcome.ts";

const performs = ["succeeded", "refused", "not-seen"] as const;
const jobs = ["completed", "failed", "cancelled", "not-seen"] as const;
const guests = ["running", "paused", "left-in-post-copy", "gone", "unreachable"] as const;
const stops = ["requested", "time-limit", null] as const;

const everything: EndFacts[] = performs.flatMap((perform) =>
  jobs.flatMap((job) => guests.flatMap((guest) => stops.map((stopped) => ({ perform, job, guest, stopped })))),
);

describe("decideOutcome", () => {
  test.each<[EndFacts["perform"], EndFacts["job"], EndFacts["guest"], string]>([
    ["succeeded", "completed", "gone", "arrived"],
    ["succeeded", "not-seen", "gone", "arrived"],
    ["not-seen", "completed", "gone", "arrived"],
    ["refused", "failed", "gone", "unknown"],
    ["not-seen", "not-seen", "gone", "unknown"],
    ["succeeded", "completed", "running", "unknown"],
    ["refused", "failed", "running", "stayed"],
    ["not-seen", "cancelled", "running", "stayed"],
    ["not-seen", "not-seen", "running", "stayed"],
    ["succeeded", "completed", "paused", "unknown"],
    ["refused", "not-seen", "paused", "stayed"],
    ["not-seen", "failed", "paused", "stayed"],
    ["not-seen", "not-seen", "paused", "unknown"],
    ["refused", "failed", "left-in-post-copy", "unknown"],
    ["succeeded", "not-seen", "unreachable", "arrived"],
    ["not-seen", "completed", "unreachable", "unknown"],
  ])("call %s, job %s, guest %s here: %s", (perform, job, guest, outcome) => {
    expect(decideOutcome({ perform, job, guest, stopped: null }).outcome).toBe(outcome);
  });

  test.each([
    ["requested", "aborted"],
    ["time-limit", "timed-out"],
    [null, "failed"],
  ] as const)("a guest that stayed after %s has the cause %s", (stopped, cause) => {
    expect(decideOutcome({ perform: "refused", job: "cancelled", guest: "running", stopped }).cause).toBe(cause);
  });

  test("a guest is never said to have stayed unless it is active here", () => {
    for (const facts of everything) {
      if (decideOutcome(facts).outcome === "stayed") expect(["running", "paused"]).toContain(facts.guest);
    }
  });

  test("a guest that is active here is never said to have arrived", () => {
    for (const facts of everything) {
      if (facts.guest === "running" || facts.guest === "paused")
        expect(decideOutcome(facts).outcome).not.toBe("arrived");
    }
  });
});
