import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

async function pass(gate: Gate, then: () => void): Promise<void> {
  while (gate.isShut) await gate.opened;
  then();
}

test("a gate opens when its last reason is gone", async () => {
  const gate = new Gate();
  const passed: string[] = [];
  await pass(gate, () => passed.push("open"));
  gate.shut("blocked");
  gate.shut("full");
  const waiting = pass(gate, () => passed.push("shut"));
  gate.open("full");
  await new Promise(setImmediate);
  expect(passed).toEqual(["open"]);
  gate.open("blocked");
  await waiting;
  expect(passed).toEqual(["open", "shut"]);
});

test("one that shuts the gate again as it passes holds up those behind it", async () => {
  const gate = new Gate();
  const passed: number[] = [];
  gate.shut("full");
  const all = [1, 2].map((turn) =>
    pass(gate, () => {
      passed.push(turn);
      if (turn === 1) gate.shut("full");
    }),
  );
  gate.open("full");
  await new Promise(setImmediate);
  expect(passed).toEqual([1]);
  gate.open();
  await Promise.all(all);
  expect(passed).toEqual([1, 2]);
});
