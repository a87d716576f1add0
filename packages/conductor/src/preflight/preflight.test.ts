import { hostMigrationPreflight, liveMigrateInstance, migrationPreflight } from "@drover/contracts";
import type { EliminatedHost } from "@drover/model";
import { afterEach, expect, it } from "vitest";
import {
  type AgentScript,
  guest,
  otherGuest,
  type Plane,
  type SchedulerScript,
  startPlane,
} from "../suite/scripted-plane.ts";

let plane: Plane;
afterEach(() => plane.close());

interface Scripts {
  readonly alpha?: AgentScript;
  readonly beta?: AgentScript;
  readonly scheduler?: SchedulerScript;
}

async function preflight(scripts: Scripts, host: string | null = null, config: Readonly<Record<string, number>> = {}) {
  plane = await startPlane(scripts, config);
  return await plane.bus.call(migrationPreflight, { server: "web", host });
}

const fails = (check: string) => [{ check, passed: false, message: `${check} is wrong` }];
const failedOf = (checks: readonly { check: string; passed: boolean }[]) =>
  checks.filter(({ passed }) => !passed).map(({ check }) => check);

it("says where a server can move to, and changes nothing", async () => {
  const report = await preflight({});
  expect(report).toMatchObject({
    server: { uuid: guest.uuid, name: "web" },
    sourceHost: "alpha",
    canMove: true,
    chosenHost: "beta",
    reason: "web can move to beta: the only one that the scheduler let pass",
    hosts: [{ host: "beta", verdict: "fit", rank: 1 }],
  });
  expect(plane.alpha.received).toEqual(["check-source"]);
  expect(plane.beta.received).toEqual(["check-destination"]);
  expect(await plane.store.claims.list()).toEqual([]);
  expect(await plane.store.migrations.list({})).toEqual([]);
});

it("has the proofs of the source's storage removed when every host has looked", async () => {
  const file = { target: "vda", need: "copy", path: "/srv/web.raw", format: "raw", reason: "it is a file" } as const;
  await preflight({ alpha: { disks: [{ ...file, capacityBytes: 1, writtenBytes: 1, folders: ["/srv"] }] } });
  expect(plane.beta.received).toEqual(["check-destination /srv"]);
  await expect.poll(() => plane.alpha.received).toEqual(["check-source", "prove /srv", "end-proof"]);
});

it("reports every failed check of the source and of all hosts at once", async () => {
  const report = await preflight({
    alpha: { sourceChecks: [...fails("storage"), ...fails("host-devices")], destinationChecks: [] },
    beta: { destinationChecks: [...fails("cpu-compatible"), ...fails("name-free")] },
  });
  expect(report.canMove).toBe(false);
  expect(report.chosenHost).toBeNull();
  expect(report.reason).toBe("web cannot leave alpha: storage is wrong; host-devices is wrong");
  expect(failedOf(report.checks)).toEqual(["storage", "host-devices"]);
  expect(failedOf(report.hosts[0]?.checks ?? [])).toEqual(["cpu-compatible", "name-free"]);
});

it("asks the agent of a host that a filter rejects too, so that all that must be mended is known", async () => {
  const eliminated: readonly EliminatedHost[] = [
    { host: "alpha", by: "different-host", reason: "the server is on it" },
    { host: "beta", by: "enabled", reason: "disabled: new fan" },
    { host: "gamma", by: "compute", reason: "its agent was last heard of at noon" },
  ];
  const report = await preflight({
    beta: { destinationChecks: fails("cpu-compatible") },
    scheduler: { candidates: [], eliminated },
  });
  expect(report.hosts.map(({ host, rank, verdict, checks }) => [host, rank, verdict, failedOf(checks)])).toEqual([
    ["beta", null, "unfit", ["enabled", "cpu-compatible"]],
    ["gamma", null, "unfit", ["compute"]],
  ]);
  expect(report.reason).toBe(
    "no host can take web (beta: disabled: new fan; beta: cpu-compatible is wrong; " +
      "gamma: its agent was last heard of at noon)",
  );
});

it("a host that does not answer is that host's failed check", async () => {
  const report = await preflight({ scheduler: { candidates: ["gamma", "beta"] } });
  expect(report.hosts.map(({ host, verdict, checks }) => [host, verdict, failedOf(checks)])).toEqual([
    ["gamma", "unfit", ["agent-answers"]],
    ["beta", "fit", []],
  ]);
  expect(report.chosenHost).toBe("beta");
});

it("a host that the source does not reach cannot take the server, in a preflight and in a migration", async () => {
  const report = await preflight({ alpha: { reachChecks: fails("libvirtd-reachable") } });
  expect(report.hosts.map(({ host, verdict, checks }) => [host, verdict, failedOf(checks)])).toEqual([
    ["beta", "unfit", ["libvirtd-reachable"]],
  ]);
  const { migrationUuid } = await plane.bus.call(
    liveMigrateInstance,
    liveMigrateInstance.request.parse({ serverUuid: guest.uuid, requestedBy: "olga", projectId: "admin" }),
  );
  expect((await plane.until(migrationUuid, "failed")).reason).toBe(report.reason);
});

it("a host that takes in as many as it may is busy, and would be waited for", async () => {
  plane = await startPlane({}, { max_concurrent_incoming_migrations: 1 });
  const { migrationUuid } = await plane.bus.call(liveMigrateInstance, {
    serverUuid: otherGuest.uuid,
    host: null,
    blockMigration: null,
    requestedBy: "olga",
    projectId: "admin",
  });
  await expect.poll(() => plane.beta.received).toContain("prepare");
  const report = await plane.bus.call(migrationPreflight, { server: "web", host: null });
  expect(report).toMatchObject({ canMove: true, chosenHost: "beta", hosts: [{ verdict: "busy" }] });
  expect(failedOf(report.hosts[0]?.checks ?? [])).toEqual(["incoming-slot-free"]);
  expect(report.reason).toContain("web would wait for beta");
  const migrating = await plane.bus.call(migrationPreflight, { server: "db", host: null });
  expect(failedOf(migrating.checks)).toEqual(["not-migrating"]);
  expect(migrationUuid).not.toBe("");
});

it("a server that is off is not asked about, and a wrong name is the caller's mistake", async () => {
  plane = await startPlane({});
  await plane.store.guests.replaceSightings("alpha", [{ ...guest, powerState: "shutoff" }]);
  const report = await plane.bus.call(migrationPreflight, { server: "web", host: null });
  expect(failedOf(report.checks)).toEqual(["server-active"]);
  expect(report.hosts).toMatchObject([{ host: "beta", verdict: "not-asked" }]);
  expect(plane.alpha.received).toEqual([]);
  await expect(plane.bus.call(migrationPreflight, { server: "nope", host: null })).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(plane.bus.call(migrationPreflight, { server: "web", host: "delta" })).rejects.toMatchObject({
    code: "not-found",
  });
  await expect(plane.bus.call(migrationPreflight, { server: "web", host: "alpha" })).rejects.toMatchObject({
    code: "bad-request",
    details: { field: "host" },
  });
});

it("tells for every server of a host whether it can leave, and why not", async () => {
  plane = await startPlane({ scheduler: { candidates: ["beta", "gamma"] } });
  await plane.store.guests.replaceSightings("alpha", [guest, { ...otherGuest, powerState: "shutoff" }]);
  const report = await plane.bus.call(hostMigrationPreflight, { host: "alpha" });
  expect(report).toMatchObject({
    host: "alpha",
    canMove: 1,
    cannotMove: 1,
    servers: [
      { server: { name: "db" }, canMove: false, chosenHost: null },
      { server: { name: "web" }, canMove: true, chosenHost: "beta" },
    ],
  });
  expect(report.servers[0]?.reason).toContain("db is shutoff on alpha");
  // The best can take it, so the others were not asked.
  expect(report.servers[1]?.reason).toBe("web can move to beta: the best of 2 by the scheduler's weights");
  await expect(plane.bus.call(hostMigrationPreflight, { host: "delta" })).rejects.toMatchObject({ code: "not-found" });
});

it("servers that leave together take their room with them, the largest first", async () => {
  const ranked: SchedulerScript = { candidates: ["beta", "gamma"] };
  plane = await startPlane({
    beta: { memoryAvailableKiB: 300_000 },
    others: { gamma: { memoryAvailableKiB: 262_144 } },
    scheduler: ranked,
  });
  const small = { ...guest, uuid: "6f6e0c5c-0000-4000-8000-000000000003", name: "tiny", memoryKiB: 30_000 };
  await plane.store.guests.replaceSightings("alpha", [guest, otherGuest, small]);
  const report = await plane.bus.call(hostMigrationPreflight, { host: "alpha" });
  expect(report).toMatchObject({
    ...{ canMove: 3, cannotMove: 0, canMoveTogether: 3, cannotMoveTogether: 0 },
    destinations: [
      { host: "beta", servers: 2, memoryKiB: 292_144 },
      { host: "gamma", servers: 1, memoryKiB: 262_144 },
    ],
    servers: [
      { server: { name: "db" }, chosenHost: "beta", together: { host: "beta" } },
      { server: { name: "tiny" }, chosenHost: "beta", together: { host: "beta" } },
      { server: { name: "web" }, chosenHost: "beta", together: { host: "gamma" } },
    ],
  });
});

it("a server that finds no room beside the others says who takes it", async () => {
  plane = await startPlane({ beta: { memoryAvailableKiB: 300_000 } });
  const report = await plane.bus.call(hostMigrationPreflight, { host: "alpha" });
  expect(report).toMatchObject({ canMove: 2, canMoveTogether: 1, cannotMoveTogether: 1 });
  expect(report.servers[1]?.together).toEqual({
    host: null,
    reason: "no host can take web (beta: beta has 292 MiB, of which db would take 256 MiB; web needs 256 MiB)",
  });
});

it("servers that are to be apart are not planned onto one host", async () => {
  plane = await startPlane({});
  await plane.store.serverGroups.create({
    ...{ name: "pair", policy: "anti-affinity", maxServersPerHost: 1 },
    servers: [guest.uuid, otherGuest.uuid],
  });
  const report = await plane.bus.call(hostMigrationPreflight, { host: "alpha" });
  expect(report.servers.map(({ together }) => together.host)).toEqual(["beta", null]);
  expect(report.servers[1]?.together.reason).toContain("the group pair is to be apart, and db would go to beta");
});
