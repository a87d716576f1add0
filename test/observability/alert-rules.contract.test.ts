import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { ROOT } from "./metrics-reference.ts";

const promtool = (...args: readonly string[]) =>
  promisify(execFile)("promtool", args, { cwd: join(ROOT, "docker/prometheus") });

it("the alert rules are rules to Prometheus, and fire on what they are for", async () => {
  expect((await promtool("check", "rules", "drover-alerts.yml")).stdout).toMatch(/SUCCESS: \d+ rules found/);
  expect((await promtool("test", "rules", "drover-alerts.test.yml")).stdout).toMatch(/SUCCESS/);
});
