import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { leftoversOf } from "../process/owned-folder.ts";
import { isRunning } from "../process/process-identity.ts";
import { labDown } from "./lab-down.ts";
import { type LabPlace, labPlace, readLabState } from "./lab-state.ts";
import { labStatus } from "./lab-status.ts";
import { labUp } from "./lab-up.ts";

let root: string;
let place: LabPlace;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "checkout-"));
  place = labPlace(root);
});
afterAll(async () => {
  await labDown(place);
  await rm(root, { recursive: true });
});

test("up starts hosts, guests and servers that outlive it, and down leaves nothing of them", {
  timeout: 120_000,
}, async () => {
  const said: string[] = [];
  const state = await labUp(place, {
    parts: "machines",
    say: (line) => said.push(line),
    signal: new AbortController().signal,
  });
  expect(said).not.toEqual([]);
  expect(state).toEqual(await readLabState(place));
  expect(state.complete).toBe(true);
  expect(state.processes.every(({ identity }) => isRunning(identity))).toBe(true);

  const status = (await labStatus(place))?.join("\n");
  for (const { name } of state.guests) expect(status).toMatch(new RegExp(`${name}\\s+running`));
  expect(status).not.toContain("NOT RUNNING");
  for (const { url } of state.processes) expect(status).not.toContain(new URL(url).password);

  expect(await labDown(place)).toBe(true);
  expect(state.processes.some(({ identity }) => isRunning(identity))).toBe(false);
  expect(state.folders.flatMap((folder) => leftoversOf(folder))).toEqual([]);
  expect(state.folders.some((folder) => existsSync(folder))).toBe(false);
  expect(await labDown(place)).toBe(false);
});

test("an interrupted start can be taken down", { timeout: 120_000 }, async () => {
  const interruption = new AbortController();
  const starting = labUp(place, {
    parts: "machines",
    say: (line) => line.includes("hosts") && interruption.abort(new Error("interrupted")),
    signal: interruption.signal,
  });
  await expect(starting).rejects.toThrow("interrupted");
  const folders = (await readLabState(place))?.folders ?? [];
  expect(folders).toHaveLength(1);
  await labDown(place);
  expect(folders.flatMap((folder) => leftoversOf(folder))).toEqual([]);
});
