import { defineConfig } from "vitest/config";

/**
 * One configuration for every package. Which files run depends on what this machine can do: `*.contract.test.ts` needs
 * real brokers and databases (tier `services`), `*.lab.test.ts` real libvirtd and QEMU (tier `hypervisors`).
 * scripts/test.ts decides the tiers and says which did not run; a bare `vitest run` runs the unit tier alone.
 */
const tiers = new Set((process.env.DROVER_TEST_TIERS ?? "unit").split(","));
const suffixOfTier = { services: "**/*.contract.test.ts", hypervisors: "**/*.lab.test.ts" };

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    exclude: Object.entries(suffixOfTier).flatMap(([tier, glob]) => (tiers.has(tier) ? [] : [glob])),
    passWithNoTests: true,
    fileParallelism: !tiers.has("services") && !tiers.has("hypervisors"),
    testTimeout: 30_000,
    hookTimeout: 120_000,
    reporters: ["default", ["json", { outputFile: ".vitest/report.json" }]],
  },
});
