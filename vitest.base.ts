import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { Failures } from "./vitest.failures.ts";

/**
 * One configuration for every package. Which files run depends on what this machine can do: `*.contract.test.ts` needs
 * real brokers and databases (tier `services`), `*.lab.test.ts` real libvirtd and QEMU (tier `hypervisors`).
 * scripts/test.ts decides the tiers and says which did not run; a bare `vitest run` runs the unit tier alone.
 *
 * The files of a worker share what they import: loading it anew for each took more time than the tests of most packages.
 * Unit tests run side by side and first; what starts real servers runs after them, what starts real hosts last
 * and one file at a time.
 */
const wanted = process.env.DROVER_TEST_TIERS ?? "unit";
const tiers = new Set(wanted.split(","));
const real = { services: "**/*.contract.test.ts", hypervisors: "**/*.lab.test.ts" };

/**
 * @param sources Where the tests are.
 * @param atOnce How many files run at once: more where they wait more than they work. By default one with real servers, and
 *   as many unit tests as there are processors but one. Those with real hosts have the machine for themselves.
 */
export function testsIn(sources: string, atOnce: { readonly unit?: number; readonly services?: number } = {}) {
  const report = wanted.replaceAll(",", "-");
  const workers: Readonly<Record<string, number | undefined>> = { services: 1, hypervisors: 1, ...atOnce };
  const unit = tiers.has("unit")
    ? [{ name: "unit", include: [`${sources}/*.test.ts`], exclude: Object.values(real), groupOrder: 0 }]
    : [];
  const others = Object.entries(real)
    .filter(([tier]) => tiers.has(tier))
    .map(([name, glob], index) => ({
      name,
      include: [glob],
      exclude: ["**/node_modules/**", "**/dist/**"],
      groupOrder: index + 1,
    }));
  return defineConfig({
    test: {
      passWithNoTests: true,
      isolate: false,
      setupFiles: [fileURLToPath(new URL("./vitest.setup.ts", import.meta.url))],
      testTimeout: 60_000,
      hookTimeout: 120_000,
      // As `vi.waitFor`, see vitest.setup.ts.
      expect: { poll: { timeout: 30_000 } },
      reporters: [
        "default",
        ["json", { outputFile: `.vitest/report-${report}.json` }],
        new Failures(`.vitest/failures-${report}.json`),
      ],
      projects: [...unit, ...others].map(({ groupOrder, ...project }) => ({
        extends: true,
        test: { ...project, maxWorkers: workers[project.name], sequence: { groupOrder } },
      })),
    },
  });
}

export default testsIn("src/**");
