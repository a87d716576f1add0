import { describe, expect, it } from "vitest";
import {
  HOLDS_DESTINATION_CLAIM,
  IN_PROGRESS,
  MIGRATION_STATES,
  type MigrationEvent,
  nextState,
  SHOWN_STATUS,
  TERMINAL,
  transitions,
} from "./migration-state.ts";

describe("the migration state table", () => {
  it("leads only to states that it has", () => {
    for (const state of MIGRATION_STATES) {
      for (const target of Object.values<string>(transitions[state])) expect(MIGRATION_STATES).toContain(target);
    }
  });

  it("reaches every state from queued, and a terminal one from everywhere else", () => {
    const reached = reachableFrom("queued");
    expect([...reached].sort()).toEqual([...MIGRATION_STATES].sort());
    for (const state of IN_PROGRESS) {
      expect(
        [...reachableFrom(state)].some((target) => TERMINAL.has(target)),
        state,
      ).toBe(true);
    }
  });

  it("never leaves a terminal state", () => {
    for (const state of TERMINAL) expect(transitions[state]).toEqual({});
  });

  it("never goes from a running copy to a terminal state in one step: something must be settled first", () => {
    for (const state of ["running", "post-copy", "unknown"] as const) {
      for (const target of Object.values(transitions[state])) expect(TERMINAL.has(target)).toBe(false);
    }
  });

  it("holds the destination's claim exactly from preparing to the end", () => {
    expect(HOLDS_DESTINATION_CLAIM.has("queued")).toBe(false);
    for (const state of TERMINAL) expect(HOLDS_DESTINATION_CLAIM.has(state)).toBe(false);
    for (const state of IN_PROGRESS)
      if (state !== "queued") expect(HOLDS_DESTINATION_CLAIM.has(state), state).toBe(true);
  });

  it("answers undefined for an event that a state does not have", () => {
    expect(nextState("queued", "arrive")).toBeUndefined();
    expect(nextState("running", "arrive")).toBe("post-migrating");
  });

  it("shows post-copy instead of hiding it", () => {
    expect(SHOWN_STATUS["post-copy"]).toBe("running (post-copy)");
    expect(Object.keys(SHOWN_STATUS).sort()).toEqual([...MIGRATION_STATES].sort());
  });
});

function reachableFrom(start: (typeof MIGRATION_STATES)[number]): ReadonlySet<(typeof MIGRATION_STATES)[number]> {
  const reached = new Set([start]);
  for (const state of reached) {
    for (const event of Object.keys(transitions[state]) as MigrationEvent[]) {
      const target = nextState(state, event);
      if (target !== undefined) reached.add(target);
    }
  }
  return reached;
}
