import { describe, expect, test } from "vitest";
import { countAnew, nothingSeen, observeIteration, type StallState, stalledIterations } from "./stall.ts";

/** Each pass as what its readings say is left. */
function seen(...passes: readonly (readonly number[])[]): StallState {
  return passes
    .flatMap((readings, index) => readings.map((remainingBytes) => ({ iteration: index + 1, remainingBytes })))
    .reduce(observeIteration, nothingSeen);
}

describe("stalledIterations", () => {
  test.each<[string, readonly (readonly number[])[], number]>([
    ["before anything nothing stalls", [], 0],
    ["a first pass is none, however long", [[512, 400, 300, 200]], 0],
    ["each pass that leaves less is headway", [[512], [300], [240], [200]], 0],
    [
      "what is left within a pass says nothing",
      [
        [512, 1],
        [300, 2],
        [240, 1],
        [200, 1],
      ],
      0,
    ],
    ["the worked example", [[512], [300], [240], [238], [241], [239], [240]], 3],
    ["a little less is no headway", [[100], [98], [97], [96]], 2],
    ["headway ends it", [[100], [100], [100], [50], [49]], 0],
  ])("%s", (_, passes, stalled) => {
    expect(stalledIterations(seen(...passes))).toBe(stalled);
  });

  test("passes between two readings count, too short as they were to be seen", () => {
    const state = [
      { iteration: 1, remainingBytes: 100 },
      { iteration: 2, remainingBytes: 100 },
      { iteration: 9, remainingBytes: 100 },
    ].reduce(observeIteration, nothingSeen);
    expect(stalledIterations(state)).toBe(7);
  });

  test("after something was done, counting begins anew against the best so far", () => {
    const state = countAnew(seen([100], [100], [100], [100], [100]));
    expect(stalledIterations(state)).toBe(0);
    const later = observeIteration(observeIteration(state, { iteration: 6, remainingBytes: 99 }), {
      iteration: 7,
      remainingBytes: 99,
    });
    expect(stalledIterations(later)).toBe(2);
  });
});
