import type { CallContract, CastContract } from "@drover/bus";
import { expect, it } from "vitest";
import * as exported from "./index.ts";

type Contract = CallContract<unknown, unknown> | CastContract<unknown>;

const contracts = Object.values(exported).filter(
  (value): value is Contract & typeof value => typeof value === "object" && "method" in value,
);

it.each(contracts.map((contract) => [`${contract.topic}.${contract.method}`, contract] as const))(
  "%s says what it does, in sentences",
  (_name, { description }) => {
    expect(description).toMatch(/^[A-Z].*\.$/);
  },
);

// Agents, who alone report, are upgraded before conductors: they ask for the oldest version that has the report.
it("has one version for all methods of a topic but the reports, since a client names one", () => {
  const forClients = contracts.filter(
    ({ access, method }) => access !== "report" || method === "report_held_migrations",
  );
  const versions = Map.groupBy(forClients, ({ topic }) => topic);
  for (const [topic, own] of versions)
    expect([topic, new Set(own.map(({ version }) => version)).size]).toEqual([topic, 1]);
});

it("has a host for every report, and asks for signs of life in calls of half a minute", () => {
  for (const contract of contracts) {
    const { topic, method, access, reporter } = contract;
    const longCall = contract.kind === "call" && contract.deadlineMs >= 30_000;
    const monitored = contract.kind === "call" && contract.monitorTimeoutMs !== undefined;
    expect([topic, method, reporter !== undefined, monitored]).toEqual([topic, method, access === "report", longCall]);
  }
});

it("names a method once in a topic", () => {
  const names = contracts.map(({ topic, method }) => `${topic}.${method}`);
  expect(names).toContain("conductor.get_migration");
  expect(new Set(names).size).toBe(names.length);
});

it("takes what a stock client leaves out, and refuses what it misspells", () => {
  const uuid = "6f6e0c5c-0000-4000-8000-000000000001";
  const asked = { serverUuid: uuid, requestedBy: "olga", projectId: "admin" };
  expect(exported.liveMigrateInstance.request.parse(asked)).toEqual({ ...asked, host: null, blockMigration: null });
  expect(exported.listServers.request.parse({ host: null })).toEqual({ host: null });
  expect(() => exported.listServers.request.parse({ hots: "alpha" })).toThrow(/hots/);
  expect(() => exported.listMigrations.request.parse({ limit: 1001 })).toThrow(/1000/);
});
