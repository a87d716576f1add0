import { expect, it } from "vitest";
import { Turns } from "./turns.ts";

const never = new AbortController().signal;

it("does so much at the same time, and the rest in order, whatever becomes of it", async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const work = ends.map(({ promise }, index) =>
    turns.inTurn(never, async () => {
      begun.push(index);
      await promise;
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  ends[1]?.reject(new Error("it failed"));
  await expect(work[1]).rejects.toThrow("it failed");
  expect(begun).toEqual([0, 1, 2]);
  for (const end of ends) end.resolve();
  await Promise.allSettled(work);
  expect(begun).toEqual([0, 1, 2, 3]);
});

it("lets go of what is not wanted any more, and the next has its turn", async () => {
  const turns = new Turns(1);
  const first = Promise.withResolvers<string>();
  const unwanted = new AbortController();
  const done = [
    turns.inTurn(never, () => first.promise),
    turns.inTurn(unwanted.signal, async () => "unwanted"),
    turns.inTurn(never, async () => "next"),
  ];
  unwanted.abort(new Error("called off"));
  await expect(done[1]).rejects.toThrow("called off");
  first.resolve("first");
  expect(await Promise.all([done[0], done[2]])).toEqual(["first", "next"]);
  await expect(turns.inTurn(unwanted.signal, async () => "late")).rejects.toThrow("called off");
  expect(await turns.inTurn(never, async () => "free again")).toBe("free again");
});
