import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerRequest, answerResume, answerTuning, type RequestedMigration } from "./migration-request.ts";
import { MIGRATION_STATES, type MigrationEvent, nextState, TERMINAL, transitions } from "./migration-state.ts";

const asked = new Date(0);
const fresh = (state: RequestedMigration["state"]): RequestedMigration => ({
  state,
  abortRequestedAt: null,
  forceCompleteRequestedAt: null,
});

describe("what an operator may ask of a migration", () => {
  it("settles an abort by itself before libvirt was asked, and sends it after", () => {
    expect(answerRequest("abort", fresh("queued")).kind).toBe("settle");
    expect(answerRequest("abort", fresh("preparing")).kind).toBe("settle");
    expect(answerRequest("abort", fresh("running")).kind).toBe("send");
  });

  it("refuses to abort what runs on the destination, and says why", () => {
    const answer = answerRequest("abort", fresh("post-copy"));
    expect(answer).toMatchObject({ kind: "refuse", reason: expect.stringContaining("post-copy") });
  });

  it("forces only what is being copied", () => {
    expect(answerRequest("force-complete", fresh("running")).kind).toBe("send");
    for (const state of MIGRATION_STATES) {
      if (state !== "running") expect(answerRequest("force-complete", fresh(state)).kind, state).not.toBe("send");
    }
  });

  it("refuses to force after an abort was asked for", () => {
    const answer = answerRequest("force-complete", { ...fresh("running"), abortRequestedAt: asked });
    expect(answer).toEqual({ kind: "refuse", reason: "an abort was requested before" });
  });

  it("ignores the second of two equal requests, in every state and after any sequence of events", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom("abort", "force-complete"), fc.nat({ max: 7 })), { maxLength: 40 }),
        (moves) => {
          let migration = fresh("queued");
          for (const move of moves) {
            if (typeof move === "number") {
              const events = Object.keys(transitions[migration.state]) as MigrationEvent[];
              const event = events[move % Math.max(1, events.length)];
              const next = event === undefined ? undefined : nextState(migration.state, event);
              if (next !== undefined) migration = { ...migration, state: next };
              continue;
            }
            const answer = answerRequest(move === "abort" ? "abort" : "force-complete", migration);
            if (answer.kind !== "send" && answer.kind !== "settle") continue;
            expect(TERMINAL.has(migration.state)).toBe(false);
            migration =
              move === "abort"
                ? { ...migration, abortRequestedAt: asked }
                : { ...migration, forceCompleteRequestedAt: asked };
            const again = answerRequest(move === "abort" ? "abort" : "force-complete", migration);
            expect(again.kind).toBe("ignore");
          }
        },
      ),
    );
  });
});

describe("how a force-complete is to be done", () => {
  it("makes another method a request of its own, and the same one the same", () => {
    const forced = { ...fresh("running"), forceCompleteRequestedAt: asked, forceCompleteMethod: "post-copy" } as const;
    expect(answerRequest("force-complete", forced, "post-copy").kind).toBe("ignore");
    expect(answerRequest("force-complete", forced, "pause").kind).toBe("send");
  });

  it("refuses to pause what runs on the destination", () => {
    expect(answerRequest("force-complete", fresh("post-copy"), "pause").kind).toBe("refuse");
    expect(answerRequest("force-complete", fresh("post-copy"), "post-copy").kind).toBe("ignore");
  });
});

describe("what else may be asked", () => {
  it("changes limits only while libvirt copies, and not what is being aborted", () => {
    for (const state of MIGRATION_STATES) {
      const wanted = state === "running" || state === "post-copy" ? "send" : "refuse";
      expect(answerTuning(fresh(state)).kind, state).toBe(wanted);
    }
    expect(answerTuning({ ...fresh("running"), abortRequestedAt: asked }).kind).toBe("refuse");
  });

  it("resumes a broken post-copy and nothing else", () => {
    for (const state of MIGRATION_STATES) {
      const wanted = state === "post-copy-paused" ? "send" : state === "post-copy" ? "ignore" : "refuse";
      expect(answerResume(fresh(state)).kind, state).toBe(wanted);
    }
  });
});
