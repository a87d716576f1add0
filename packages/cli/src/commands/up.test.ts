import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drover-up-"));
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** A process that runs `service` as `drover up` runs the standalone service. */
async function up(service: string): Promise<ChildProcess> {
  const script = join(folder, "service.mjs");
  await writeFile(script, service);
  const module = new URL("./up.ts", import.meta.url).href;
  const main = `const { runInForeground } = await import(${JSON.stringify(module)});
    process.exitCode = await runInForeground(${JSON.stringify(script)});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", main], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  return child;
}

test("the service's exit code is ours", async () => {
  const child = await up("process.exit(3);");
  expect(await once(child, "exit")).toEqual([3, null]);
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s is passed on once, and the service's orderly stop is waited for",
  async (signal) => {
    const child = await up(
      `let times = 0;
     process.on("${signal}", () => { times += 1; setTimeout(() => process.exit(10 + times), 50); });
     setInterval(() => {}, 1000);
     console.log("ready");`,
    );
    const { stdout } = child;
    expect(stdout).not.toBeNull();
    if (stdout !== null) await once(stdout, "data");
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([11, null]);
  },
);

test("a service that is killed by a signal ends it with 128 and the signal's number", async () => {
  const child = await up('process.kill(process.pid, "SIGKILL");');
  expect(await once(child, "exit")).toEqual([137, null]);
});
