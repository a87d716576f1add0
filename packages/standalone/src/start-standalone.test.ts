import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

let folder: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-"));
  await mkdir(join(folder, "tmp"));
});

afterEach(async () => {
  for (const child of started.splice(0)) await kill(child);
  await rm(folder, { recursive: true, force: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

function spawnStandalone(dataDir: string): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { TMPDIR: join(folder, "tmp"), DROVER_DATA_DIR: dataDir, DROVER_API_PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  return child;
}

/** A standalone that is up; rejects when it ends before. */
async function startedOn(dataDir: string): Promise<ChildProcess> {
  const child = spawnStandalone(dataDir);
  const errors: string[] = [];
  child.stderr?.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      if (/http:\/\/127\.0\.0\.1:\d+/.test(chunk.toString())) resolve();
    });
    child.once("close", (code) => reject(new Error(`ended with ${code}: ${errors.join("")}`)));
  });
  return child;
}

async function failedOn(dataDir: string): Promise<{ readonly code: unknown; readonly errors: string }> {
  const child = spawnStandalone(dataDir);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = await once(child, "close");
  return { code, errors };
}

describe("the data directory", () => {
  it("is one process's: a second one is refused until the first has ended, be it by kill -9", async () => {
    const dataDir = join(folder, "data");
    const first = await startedOn(dataDir);
    const second = await failedOn(dataDir);
    expect(second).toEqual({
      code: 1,
      errors:
        `drover standalone: another Drover runs on the data directory ${dataDir}; stop it first, ` +
        "or name another one in data_dir (DROVER_DATA_DIR)\n",
    });
    await kill(first);
    await startedOn(dataDir);
  });

  it("that is a file is named, with the setting to change", async () => {
    const dataDir = join(folder, "file");
    await writeFile(dataDir, "");
    const { code, errors } = await failedOn(dataDir);
    expect(code).toBe(78);
    expect(errors).toMatch(/^drover standalone: the data directory .*\/file cannot be used; .*DROVER_DATA_DIR.*\n$/);
  });

  it("that cannot be made is named, with the setting to change", async () => {
    await writeFile(join(folder, "file"), "");
    const { code, errors } = await failedOn(join(folder, "file", "data"));
    expect(code).toBe(78);
    expect(errors).toMatch(/^drover standalone: the data directory .*\/file\/data cannot be used; .*\n$/);
  });
});

it("leaves no temporary folder behind when the simulated hosts do not start", async () => {
  const dataDir = join(folder, "data");
  // Where the fleet's state is a folder, it can be neither read nor written.
  await mkdir(join(dataDir, "simulator.json"), { recursive: true });
  const { code } = await failedOn(dataDir);
  expect(code).toBe(1);
  expect(await readdir(join(folder, "tmp"))).toEqual([]);
});
