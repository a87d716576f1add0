import { expect, test } from "vitest";
import { CommandFence } from "./command-fence.ts";

const command = (generation: number, migrationUuid = "a") => ({ migrationUuid, generation, serverName: "web" });

test("an older command of the same migration is refused; an equal one is a repetition", () => {
  const fence = new CommandFence();
  fence.admit(command(5));
  fence.admit(command(5));
  fence.admit(command(7));
  expect(() => fence.admit(command(6))).toThrow(expect.objectContaining({ code: "refused" }));
  fence.admit(command(1, "b"));
});

test("what was used last is remembered longest", () => {
  const fence = new CommandFence();
  for (let index = 0; index < 4_000; index += 1) fence.note(`m${index}`, 9);
  fence.note("m0", 9);
  fence.note("new", 9);
  expect(fence.newest("m0")).toBe(9);
  expect(fence.newest("m1")).toBe(0);
});
