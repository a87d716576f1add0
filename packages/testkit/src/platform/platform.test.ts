import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommand } from "../process/run-command.ts";
import { packagesNotIn } from "./debian-packages.ts";
import { withoutServiceStarts } from "./service-starts.ts";
import { tierAvailability } from "./tiers.ts";

test("a package counts as installed only if dpkg calls it exactly that", () => {
  const lines = [
    "Package: gcc\nStatus: install ok installed\nPriority: optional\n",
    "Package: redis-server\nStatus: deinstall ok config-files\n",
    "Package: qemu-utils\nStatus: install ok half-configured\n",
  ].join("\n");
  expect(packagesNotIn(["gcc", "redis-server", "qemu-utils", "postgresql"], lines)).toEqual([
    "redis-server",
    "qemu-utils",
    "postgresql",
  ]);
});

test("a tier is available or says why not", async () => {
  for (const { available, reason } of Object.values(await tierAvailability())) {
    expect(reason === undefined).toBe(available);
  }
});

describe("while packages are installed", () => {
  let folder: string;
  let policyPath: string;
  const answer = () =>
    runCommand(policyPath, ["some-service", "start"]).then(
      () => 0,
      (error: { details: { exitCode: number } }) => error.details.exitCode,
    );
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "policy-"));
    policyPath = join(folder, "policy-rc.d");
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("starts are denied, and afterwards there is no policy again", async () => {
    expect(await withoutServiceStarts(answer, { policyPath })).toBe(101);
    expect(await readdir(folder)).toEqual([]);
  });

  test("a policy that allows starts is set aside and comes back, also when the installation fails", async () => {
    const allowing = "#!/bin/sh\nexit 0\n";
    await writeFile(policyPath, allowing);
    await chmod(policyPath, 0o755);
    const failing = async () => {
      expect(await answer()).toBe(101);
      throw new Error("no network");
    };
    await expect(withoutServiceStarts(failing, { policyPath })).rejects.toThrow("no network");
    expect(await readFile(policyPath, "utf8")).toBe(allowing);
    expect(await readdir(folder)).toEqual(["policy-rc.d"]);
  });

  test("a policy that denies starts is left as it is", async () => {
    const denying = "#!/bin/sh\n# mine\nexit 101\n";
    await writeFile(policyPath, denying);
    await chmod(policyPath, 0o755);
    const seen = await withoutServiceStarts(() => readFile(policyPath, "utf8"), { policyPath });
    expect(seen).toBe(denying);
  });
});
