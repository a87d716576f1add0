import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createOwnedFolder, type OwnedFolder } from "./owned-folder.ts";
import { startPython } from "./start-python.ts";

/** Says what it was given, then echoes its input until "fail". */
const ECHO = `
import os, sys, oslo_messaging
print("ready", sys.argv[1], os.environ["WORD"])
for line in sys.stdin:
    if line.strip() == "fail": sys.exit("failed as told")
    # At once, so that nobody who has read the one line can be too early for the other.
    sys.stdout.write("got " + line.strip() + "\\nand again\\n")
`;

let folder: OwnedFolder;
let script: string;
beforeAll(async () => {
  folder = await createOwnedFolder({ kind: "scripts" });
  script = join(folder.path, "echo.py");
  await writeFile(script, ECHO);
});
afterAll(() => folder.remove());

const startEcho = () => startPython({ script, args: ["argument"], env: { WORD: "variable" } });

test("a program and the test speak by lines", async () => {
  await using program = await startEcho();
  expect(await program.nextLine()).toBe("ready argument variable");
  program.writeLine("hello");
  expect(await program.nextLine()).toBe("got hello");
  expect(await program.nextLine()).toBe("and again");
  await expect(program.nextLine({ deadlineMs: 20 })).rejects.toThrow("said nothing for 20 ms");
  expect(program.ended).toBeUndefined();
});

test("waiting for a line of a program that fails ends with what it said", async () => {
  await using program = await startEcho();
  await program.nextLine();
  program.writeLine("fail");
  await expect(program.nextLine()).rejects.toThrow("ended with exit code 1: failed as told");
  await expect(program.nextLine()).rejects.toThrow("ended with exit code 1: failed as told");
  expect(program.ended).toBe(1);
});

test("lines of a program that was killed can still be read", async () => {
  await using program = await startEcho();
  await program.nextLine();
  program.writeLine("hello");
  expect(await program.nextLine()).toBe("got hello");
  await program.kill9();
  expect(program.ended).toBe("SIGKILL");
  expect(await program.nextLine()).toBe("and again");
  await expect(program.nextLine()).rejects.toThrow("ended with SIGKILL");
});

test("a frozen program says nothing until it is thawed, and stops all the same", async () => {
  await using program = await startEcho();
  await program.nextLine();
  program.freeze();
  program.writeLine("hello");
  await expect(program.nextLine({ deadlineMs: 100 })).rejects.toThrow("said nothing");
  program.thaw();
  expect(await program.nextLine()).toBe("got hello");
  program.freeze();
  await program.stop();
  expect(program.ended).toBe("SIGTERM");
  expect(existsSync(`/proc/${program.pid}`)).toBe(false);
});

test("a module that is missing is named", async () => {
  await expect(startPython({ script, modules: ["oslo_messaging", "no_such_module"] })).rejects.toThrow(
    "has no module no_such_module",
  );
});
