import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { cleanUpAbandoned, cleanUpFolder, createOwnedFolder, leftoversOf, stopGroup } from "./owned-folder.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
import { processTree } from "./process-tree.ts";
import { runCommand } from "./run-command.ts";

/** A shell with a child, neither of which ends by being asked to. */
function startStubborn(): ProcessIdentity {
  const child = spawn("sh", ["-c", "trap '' TERM; sleep 300 & wait; sleep 300"], { detached: true, stdio: "ignore" });
  child.unref();
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (identity === undefined) throw new TestkitError("could not start a shell");
  return identity;
}

test("removing a folder ends what was recorded, with everything below it", async () => {
  const folder = await createOwnedFolder({ kind: "test" });
  const shell = startStubborn();
  folder.addProcess(shell);
  const tree = await waitFor("the shell to have a child", () => {
    const found = processTree(shell);
    return found.length === 2 && found;
  });
  expect(leftoversOf(folder.path)).toEqual([`process ${shell.pid} started for ${folder.path}`]);

  await folder.remove();

  expect(tree.filter((identity) => isRunning(identity))).toEqual([]);
  expect(existsSync(folder.path)).toBe(false);
  expect(leftoversOf(folder.path)).toEqual([]);
  await folder.remove();
});

test("a recorded process whose id was given to another one is not touched", async () => {
  const folder = await createOwnedFolder({ kind: "test" });
  const shell = startStubborn();
  folder.addProcess({ ...shell, startTicks: "1" });
  await folder.remove();
  expect(isRunning(shell)).toBe(true);
  process.kill(-shell.pid, "SIGKILL");
});

test("what was started for a group stays until the group is stopped", async () => {
  const group = `test of ${process.pid}`;
  const folder = await createOwnedFolder({ kind: "test", group });
  const shell = startStubborn();
  folder.addProcess(shell);
  await cleanUpAbandoned("test");
  await stopGroup(`${group}, another`);
  expect(isRunning(shell)).toBe(true);
  await stopGroup(group);
  expect(isRunning(shell)).toBe(false);
  expect(existsSync(folder.path)).toBe(false);
});

test("a process that is killed has its folders cleaned up", async () => {
  const script = `
    const { createOwnedFolder } = await import(${JSON.stringify(new URL("./owned-folder.ts", import.meta.url).href)});
    const { spawn } = await import("node:child_process");
    const { identifyProcess } = await import(${JSON.stringify(new URL("./process-identity.ts", import.meta.url).href)});
    const folder = await createOwnedFolder({ kind: "test" });
    const child = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
    folder.addProcess(identifyProcess(child.pid));
    console.log(child.pid, folder.path);
    process.kill(process.pid, "SIGKILL");
  `;
  const failure: unknown = await runCommand(process.execPath, ["--input-type=module", "-e", script]).catch(
    (error: unknown) => error,
  );
  if (!(failure instanceof TestkitError)) throw new TestkitError("the script was to be killed");
  const [pid, path = ""] = String(failure.details.stdout).trim().split(" ");
  expect(path).toContain("drover-testkit-test-");
  await waitFor("the warden to clean up", () => !existsSync(path));
  expect(identifyProcess(Number(pid))).toBeUndefined();
});

test("a folder that is not the test kit's is never cleaned up", async () => {
  await expect(cleanUpFolder("/tmp/somebody-elses")).rejects.toThrow("was not made by the test kit");
});
