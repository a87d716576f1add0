import { expect, test } from "vitest";
import { Network } from "./network.ts";

test("whoever comes to a link that resets connections is told so, as those who use it were", () => {
  const network = new Network(100, []);
  const told: string[] = [];
  const transfer = (name: string) => ({
    ...{ from: "a", to: "b", limitBytesPerMs: () => 1, shareChanged: () => {} },
    connectionReset: () => void told.push(name),
  });
  network.join(transfer("early"));
  network.setCondition("a", "b", "reset");
  network.join(transfer("late"));
  network.setCondition("b", "a", "up");
  network.join(transfer("after it was mended"));
  expect(told).toEqual(["early", "late"]);
});
