/**
 * `npm test`: everything that this machine can run. Build, types, lint, then the tests of every package and of the whole,
 * in tiers: `unit` needs nothing, `services` real brokers and databases, `hypervisors` real libvirtd and QEMU.
 *
 * As root on Debian the packages that a tier lacks are listed and installed. A tier that cannot run is named with its
 * reason; with CI=true that is a failure. The last line counts: `123 passed, 0 failed`.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { createInterface } from "node:readline/promises";
// From its sources: the test kit has no dependencies, and is needed before anything is built.
import { installDebianPackages, type Tier, tierAvailability } from "../packages/testkit/src/index.ts";
import type { Failure } from "../vitest.failures.ts";
import { root, turbo } from "./build.ts";

const inCi = process.env.CI === "true" || process.env.CI === "1";
/** How much of a failure the summary repeats. */
const FAILURE_LINES = 12;
const reportGlob = "{packages/*,test}/.vitest/report-*.json";
const failuresGlob = "{packages/*,test}/.vitest/failures-*.json";

const missingTiers: string[] = [];
const tiers: readonly string[] = ["unit", ...(await provideTiers())];
for (const report of globSync([reportGlob, failuresGlob], { cwd: root })) rmSync(join(root, report));

const checks = await turbo([
  "build",
  "typecheck",
  "typecheck:scripts",
  "lint",
  "lint:workspace",
  "--output-logs=errors-only",
  "--ui=stream",
]);
const outdatedPages = ["config", "metrics", "rpc"].filter((page) => {
  const script = join(root, `scripts/${page}-reference.ts`);
  return spawnSync(process.execPath, [script, "--check"], { stdio: "inherit" }).status !== 0;
});
let allRan = await runTests(
  tiers.filter((tier) => tier !== "hypervisors"),
  { lane: ["@drover/system-tests"], packagesAtOnce: 2 },
);
if (tiers.includes("hypervisors")) {
  const lane = ["@drover/system-tests", "@drover/testkit"];
  allRan = (await runTests(["hypervisors"], { lane, packagesAtOnce: 1 })) && allRan;
}
const counts = countTests();
const reasons = [
  ...(checks === 0 ? [] : ["build, types or lint failed; see above"]),
  ...outdatedPages.map((page) => `a page of docs/ is not current: npm run docs:${page}`),
  ...(allRan || counts.failed > 0 ? [] : ["a package's tests did not run to their end; see above"]),
  ...(inCi ? missingTiers : []),
];
console.log("");
for (const failure of counts.failures) console.log(`failed: ${failure}`);
for (const tier of missingTiers) console.log(`not run: ${tier}`);
for (const reason of reasons) console.log(`failed: ${reason}`);
console.log(`tiers run: ${tiers.join(", ")}`);
console.log(`${counts.passed} passed, ${counts.failed + reasons.length} failed`);
process.exitCode = counts.failed + reasons.length === 0 ? 0 : 1;

/**
 * Runs the tests of these tiers: those of the packages in `lane` beside all others, which takes both about as long. Tests
 * with real servers wait more than they work; those with real machines share two processors badly.
 */
async function runTests(
  these: readonly string[],
  { lane, packagesAtOnce }: { readonly lane: readonly string[]; readonly packagesAtOnce: number },
): Promise<boolean> {
  const options = [`--concurrency=${packagesAtOnce}`, "--continue", "--output-logs=new-only", "--ui=stream"];
  const filters = [lane.map((name) => `--filter=${name}`), lane.map((name) => `--filter=!${name}`)];
  const env = { DROVER_TEST_TIERS: these.join(",") };
  const codes = await Promise.all(filters.map((filter) => turbo(["test", ...filter, ...options], env)));
  return codes.every((code) => code === 0);
}

/** The tiers beyond `unit` that run here, after installing what they lack. */
async function provideTiers(): Promise<readonly Tier[]> {
  const available: Tier[] = [];
  for (const [name, tier] of Object.entries(await tierAvailability())) {
    if (!tier.available) missingTiers.push(`tier ${name}: ${tier.reason}`);
    else if (await install(name, tier.missingPackages)) available.push(name as Tier);
  }
  return available;
}

async function install(tier: string, packages: readonly string[]): Promise<boolean> {
  if (packages.length === 0) return true;
  console.log(`The tests of tier ${tier} need these Debian packages:\n  ${packages.join(" ")}`);
  if (process.stdin.isTTY && !inCi) {
    const ask = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await ask.question(
      "Install them now? No service is started, nothing under /etc is changed by hand. [Y/n] ",
    );
    ask.close();
    if (!/^(y|yes|)$/i.test(answer.trim())) {
      missingTiers.push(`tier ${tier}: its packages were not to be installed`);
      return false;
    }
  }
  console.log("Installing them ...");
  try {
    await installDebianPackages(packages, {
      onLine: (line) => /^(Get:|Setting up)/.test(line) && console.log(`  ${line}`),
    });
    return true;
  } catch (error) {
    missingTiers.push(`tier ${tier}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** Adds up the packages' reports, those that came from the cache among them. */
function countTests(): { passed: number; failed: number; failures: readonly string[] } {
  const reports = readAll<{ readonly numPassedTests: number }>(reportGlob);
  const passed = reports.reduce((sum, { numPassedTests }) => sum + numPassedTests, 0);
  const failures = readAll<readonly Failure[]>(failuresGlob).flat().map(described);
  return { passed, failed: failures.length, failures };
}

function readAll<Content>(glob: string): readonly Content[] {
  return globSync(glob, { cwd: root }).map((path): Content => JSON.parse(readFileSync(join(root, path), "utf8")));
}

/** The failure with the beginning of its reason, for whoever has the end of the output alone. */
function described({ file, name, errors }: Failure): string {
  const reasons = errors.flatMap((error) => error.split("\n").slice(0, FAILURE_LINES));
  return [`${relative(root, file)}: ${name}`, ...reasons].join("\n    ");
}
