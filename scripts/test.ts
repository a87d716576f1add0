/**
 * `npm test`: everything that this machine can run. Build, types, lint, then the tests of every package and of the whole,
 * in tiers: `unit` needs nothing, `services` real brokers and databases, `hypervisors` real libvirtd and QEMU.
 *
 * As root on Debian the packages that a tier lacks are listed and installed. A tier that cannot run is named with its
 * reason; with CI=true that is a failure. The last line counts: `123 passed, 0 failed`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
// From its sources: the test kit has no dependencies, and is needed before anything is built.
import { installDebianPackages, type Tier, tierAvailability } from "../packages/testkit/src/index.ts";
import { root, turbo } from "./build.ts";

const inCi = process.env.CI === "true" || process.env.CI === "1";
const reportGlob = "{packages/*,test}/.vitest/report-*.json";

const missingTiers: string[] = [];
const tiers: readonly string[] = ["unit", ...(await provideTiers())];
for (const report of globSync(reportGlob, { cwd: root })) rmSync(join(root, report));

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
const allRan = await runTests(testJobs());
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

/** Tests that one of the two lanes runs without the other. */
interface TestJob {
  readonly tiers: readonly string[];
  /** Of packages, as turbo has them. */
  readonly filters: readonly string[];
  readonly packagesAtOnce: number;
  /** Only tests in folders that this glob names. @default all */
  readonly folders?: string;
}

/**
 * In the order in which the lanes take them, so that both end at about the same time: the longest first. Tests with real
 * servers wait more than they work; those with real machines share two processors badly, so that a lane runs one at a time.
 */
function testJobs(): readonly TestJob[] {
  const quick = tiers.filter((tier) => tier !== "hypervisors");
  const system = "@drover/system-tests";
  const jobs: TestJob[] = [
    { tiers: quick, filters: [system], packagesAtOnce: 1 },
    { tiers: quick, filters: [`!${system}`], packagesAtOnce: 2 },
  ];
  if (!tiers.includes("hypervisors")) return jobs;
  const lab = { tiers: ["hypervisors"], packagesAtOnce: 1 };
  const long = ["@drover/compute-agent", "@drover/libvirt-sim"] as const;
  return [
    ...jobs,
    { ...lab, filters: [long[0]] },
    { ...lab, filters: [system], folders: "!(chaos)" },
    { ...lab, filters: [system], folders: "chaos" },
    { ...lab, filters: [long[1]] },
    { ...lab, filters: [system, ...long].map((name) => `!${name}`) },
  ];
}

async function runTests(jobs: readonly TestJob[]): Promise<boolean> {
  const waiting = [...jobs];
  const codes: number[] = [];
  const lane = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const filters = job.filters.map((filter) => `--filter=${filter}`);
      const options = [`--concurrency=${job.packagesAtOnce}`, "--continue", "--output-logs=new-only", "--ui=stream"];
      const env = { DROVER_TEST_TIERS: job.tiers.join(","), DROVER_TEST_FOLDERS: job.folders ?? "" };
      codes.push(await turbo(["test", ...filters, ...options], env));
    }
  };
  await Promise.all([lane(), lane()]);
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

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Adds up the packages' reports, those that came from the cache among them. */
function countTests(): { passed: number; failed: number; failures: readonly string[] } {
  let passed = 0;
  const failures: string[] = [];
  for (const path of globSync(reportGlob, { cwd: root })) {
    const file = join(root, path);
    if (!existsSync(file)) continue;
    const report: VitestReport = JSON.parse(readFileSync(file, "utf8"));
    passed += report.numPassedTests;
    for (const suite of report.testResults) {
      const failed = suite.assertionResults.filter((test) => test.status === "failed");
      for (const test of failed) failures.push(`${suite.name.replace(root, "")}: ${test.fullName}`);
      // A file that could not even be loaded has no failed test of its own.
      if (suite.status === "failed" && failed.length === 0)
        failures.push(`${suite.name.replace(root, "")}: ${suite.message}`);
    }
  }
  return { passed, failed: failures.length, failures };
}
