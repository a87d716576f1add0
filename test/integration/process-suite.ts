/** What a Drover of separate processes lives through, for every broker. */
import { ApiError, type MigrationView } from "@drover/api-client";
import { waitFor } from "@drover/testkit";
import { expect, it } from "vitest";
import type { OtlpReceiver, ReceivedSpan } from "../observability/otlp-receiver.ts";
import type { ProcessPlane } from "./process-plane.ts";
import { type Hearing, isOver, isWatched, listenTo, untilMigration, untilServerIsOn } from "./watching.ts";
import { isSigned, startWebhookReceiver } from "./webhook-receiver.ts";

type PlaneOf = () => ProcessPlane;

/** All processes start at once, beside whatever else this machine does. */
const START_UNDER_LOAD = { deadlineMs: 30_000 };

/** Asks for the guest to be moved to beta and resolves when it is being copied, slowly. */
async function startHeldCopy(plane: ProcessPlane, name: string): Promise<MigrationView> {
  plane.holdBack();
  await plane.addGuest({ name });
  const { migration } = await plane.client.migrate(name, { host: "beta" });
  return await untilMigration(plane.client, migration.id, "watched", isWatched);
}

async function expectCompleted(
  plane: ProcessPlane,
  { id, uuid, server }: MigrationView,
  deadlineMs = 40_000,
): Promise<MigrationView> {
  plane.letGo();
  const ended = await untilMigration(plane.client, id, "over", isOver, deadlineMs);
  expect(ended, `${ended.reason}`).toMatchObject({ state: "completed", destinationHost: "beta", failure: null });
  await untilServerIsOn(plane.client, server.name, "beta");
  // The test's own connection may still be on its way back to a database that has only just come.
  await waitFor("the store to be reached", () => plane.store.ping().then(() => true));
  expect((await plane.store.claims.list()).filter((claim) => claim.migrationUuid === uuid)).toEqual([]);
  return ended;
}

/** The first of a plane: its servers are away until then. */
export function comesUp(planeOf: PlaneOf): void {
  it("waits at its start for what is away, says so, and goes on when it comes", { timeout: 120_000 }, async () => {
    const plane = planeOf();
    const needs = {
      api: ["bus", "store"],
      scheduler: ["bus", "store"],
      conductor: ["bus", "store"],
      "compute-agent": ["bus"],
    };
    for (const process of plane.processes) {
      const label = process.label;
      for (const name of needs[process.service]) {
        const said = await waitFor(
          `${label} to say that its ${name} is away`,
          async () => {
            const { status, body } = await process.readiness();
            const check = JSON.parse(body).checks.find((entry: { name: string }) => entry.name === name);
            return status === 503 && check?.ready === false ? check : undefined;
          },
          START_UNDER_LOAD,
        );
        expect(said.problem, `${label}: ${name}`).toMatch(/ECONNREFUSED|refused|away/i);
        await waitFor(`${label} to log it`, () =>
          process
            .log()
            .split("\n")
            .some((line) => line.includes("a dependency is away") && line.includes(`"dependency":"${name}"`)),
        );
      }
      expect(process.identity, `${label} still runs`).toBeDefined();
      expect(process.log(), `${label} shows no password`).not.toMatch(/:[0-9a-f]{24}@/);
    }
    // It may have told of its health before it listens.
    const refusal = await waitFor("the API to answer", async () => {
      const error = await plane.client.migrate("nobody").catch((caught: unknown) => caught);
      return error instanceof ApiError ? error : undefined;
    });
    expect(refusal).toMatchObject({ status: 503, code: "unavailable" });

    await Promise.all([plane.broker.server.start(), plane.redis.start(), plane.postgres.start()]);
    await plane.untilReady();
    await plane.conductors[1].stop();
    await expectCompleted(plane, await startHeldCopy(plane, "first"));
  });
}

export function outlivesItsBroker(planeOf: PlaneOf): void {
  it("completes a migration whose broker was killed and came back", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const migration = await startHeldCopy(plane, "brokerless");
    await plane.broker.server.kill9();
    await waitFor("the API to miss its broker", async () => (await plane.api.readiness()).status === 503);
    plane.letGo();
    await plane.broker.server.start();
    await expectCompleted(plane, migration, 60_000);
    await plane.untilReady();
  });
}

/** Its event stream told each change once, whatever was away meanwhile. */
async function expectAllHeard(
  plane: ProcessPlane,
  { uuid }: MigrationView,
  { beganAfter, ended }: Hearing,
): Promise<void> {
  const changes = await ended;
  const lines = (await plane.store.migrations.readLog(uuid)).map(({ id }) => id);
  expect(changes).toEqual(lines.filter((id) => id > beganAfter));
  expect(changes.length).toBeGreaterThan(0);
}

export function outlivesItsData(planeOf: PlaneOf): void {
  it("shows old progress without Redis, and the migration does not mind", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const migration = await startHeldCopy(plane, "cacheless");
    const hearing = await listenTo(plane.client, migration.id);
    await hearing.numbers;
    await waitFor(
      "progress to be in the store",
      async () => (await plane.store.progress.read([migration.uuid])).size > 0,
    );
    await plane.redis.kill9();
    const blind = await untilMigration(plane.client, migration.id, "shown without the cache", ({ progress }) => {
      return progress === null || progress.stale;
    });
    expect(blind.state).toBe("running");
    expect(blind.progress).toMatchObject({ source: "store", stale: true });
    expect((await plane.api.readiness()).status).toBe(200);
    await expectCompleted(plane, migration);
    await expectAllHeard(plane, migration, hearing);
    await plane.redis.start();
    const next = await startHeldCopy(plane, "cached-again");
    await expectCompleted(plane, next);
  });

  it("completes a migration whose database was restarted", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const migration = await startHeldCopy(plane, "recordless");
    const hearing = await listenTo(plane.client, migration.id);
    await hearing.numbers;
    await plane.postgres.kill9();
    await waitFor("the API to miss its database", async () => (await plane.api.readiness()).status === 503);
    plane.letGo();
    await plane.postgres.start();
    await expectCompleted(plane, migration, 60_000);
    await expectAllHeard(plane, migration, hearing);
    await plane.untilReady();
  });
}

export function outlivesItsConductor(planeOf: PlaneOf): void {
  it("has another conductor go on with a killed one's migration", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const [first, second] = plane.conductors;
    const migration = await startHeldCopy(plane, "orphan");
    second.start();
    await second.waitUntilReady();
    // What it has not sent dies with it.
    if (plane.traces !== undefined) await requestSpanOf(plane.traces, "orphan");
    await first.kill9();
    const killedMs = performance.now();
    await expectCompleted(plane, migration);
    expect(performance.now() - killedMs).toBeLessThan(20_000);
    first.start();
    await first.waitUntilReady();
  });
}

export function tellsWebhooksThroughIt(planeOf: PlaneOf): void {
  it("has another conductor go on with a killed one's deliveries", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    await using receiver = await startWebhookReceiver();
    const { webhook, secret } = await plane.client.createWebhook({ url: receiver.url, states: [] });
    const migration = await startHeldCopy(plane, "told");
    await waitFor("a delivery to be under way", async () => receiver.heard.length > 0);
    // The only one so far, so it is the one that tells.
    const [first, second] = plane.conductors;
    second.start();
    await second.waitUntilReady();
    await first.kill9();
    receiver.letGo();
    await expectCompleted(plane, migration);
    const lines = await plane.store.migrations.readLog(migration.uuid);
    const newest = await plane.store.migrations.logBounds();
    await waitFor("all to be told", async () => receiver.heard.at(-1)?.id === newest?.newestId, { deadlineMs: 45_000 });
    const ids = receiver.heard.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect([...new Set(ids)]).toEqual(lines.map(({ id }) => id));
    expect(ids.length - new Set(ids).size, "those under way at the kill come again").toBe(1);
    expect(receiver.heard.filter((event) => !isSigned(event, secret))).toEqual([]);
    await plane.client.deleteWebhook(webhook.id);
    first.start();
    await first.waitUntilReady();
    await second.stop();
  });
}

/** The conductor's own of the request that a step of the server's migration hangs below. */
function requestSpanOf({ spans }: OtlpReceiver, server: string): Promise<ReceivedSpan> {
  return waitFor("the span of the request", () => {
    const step = spans.find(
      ({ name, attributes }) => name.startsWith("step ") && attributes["drover.server"] === server,
    );
    return spans.find(({ spanId, service }) => spanId === step?.parentSpanId && service === "conductor");
  });
}

/** After {@link outlivesItsConductor}, of a plane that is `traced`: that migration is looked at once more. */
export function isTracedThroughIt(planeOf: PlaneOf): void {
  it("has one trace of that migration, through all services and both conductors", async () => {
    const { traces } = planeOf();
    if (traces === undefined) throw new Error("the plane sends no traces");
    const last = await waitFor("the span of the last step", () =>
      traces.spans.find(({ name, attributes }) => {
        return name === "step release-source" && attributes["drover.server"] === "orphan";
      }),
    );
    const trace = traces.spans.filter(({ traceId }) => traceId === last.traceId);
    const services = ["api", "compute-agent", "conductor", "scheduler"];
    expect([...new Set(trace.map(({ service }) => service))].sort()).toEqual(services);
    const hosts = trace
      .filter(({ service }) => service === "compute-agent")
      .map(({ attributes }) => attributes["drover.server"]);
    expect(hosts).toEqual(expect.arrayContaining(["alpha", "beta"]));
    expect(trace.map(({ name }) => name)).toContain("copy guest");
    // The conductor that asked for the copy is dead; the other one's steps hang below the same request.
    const request = await requestSpanOf(traces, "orphan");
    expect(request.name).toBe("conductor live_migrate_instance");
    const ofOther = trace.filter(({ name }) => name === "step finish-destination" || name === "step release-source");
    expect(ofOther.map(({ parentSpanId }) => parentSpanId)).toEqual([request.spanId, request.spanId]);
  });
}

export function outlivesItsAgents(planeOf: PlaneOf): void {
  it("takes a copy up again after its agent was killed", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const migration = await startHeldCopy(plane, "steered");
    const agent = plane.agents.alpha;
    await agent.kill9();
    agent.start();
    await agent.waitUntilReady();
    await waitFor(
      "newer progress",
      async () => {
        const { progress } = (await plane.client.migration(migration.id)).migration;
        return (progress?.observedAtMs ?? 0) > (migration.progress?.observedAtMs ?? 0);
      },
      { deadlineMs: 30_000 },
    );
    await expectCompleted(plane, migration);
  });

  it("records a copy that ended while its agent was dead", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const uuid = await plane.addGuest({ name: "unseen" });
    const { migration } = await plane.client.migrate("unseen", { host: "beta" });
    await untilMigration(plane.client, migration.id, "watched", isWatched);
    await plane.agents.alpha.kill9();
    plane.letGo();
    await waitFor("beta's agent to see the guest run", async () =>
      (await plane.store.guests.byServer(uuid)).some((seen) => seen.host === "beta" && seen.powerState === "running"),
    );
    plane.agents.alpha.start();
    await expectCompleted(plane, migration);
  });
}

export function sharesItsWork(planeOf: PlaneOf): void {
  it("has two conductors share the work without doing any of it twice", { timeout: 90_000 }, async () => {
    const plane = planeOf();
    const names = Array.from({ length: 6 }, (_, index) => `raced-${index + 1}`);
    for (const name of names) await plane.addGuest({ name, touchedMiB: 100 });
    plane.letGo();
    const asked = await Promise.all(names.map((name) => plane.client.migrate(name, { host: "beta" })));
    for (const { migration } of asked) {
      await expectCompleted(plane, migration);
      const { log } = await plane.client.migration(migration.id);
      for (const event of ["schedule", "choose-destination", "prepare-destination", "move-guest", "started", "done"]) {
        expect(
          log.filter((line) => line.event === event),
          `${event} of ${migration.id}`,
        ).toHaveLength(1);
      }
    }
  });
}

export function doesWithoutHosts(planeOf: PlaneOf): void {
  it("gives up on a destination whose agent never answers, and leaves nothing there", {
    timeout: 120_000,
  }, async () => {
    const plane = planeOf();
    await plane.addGuest({ name: "unanswered" });
    plane.agents.beta.freeze();
    try {
      const { migration } = await plane.client.migrate("unanswered", { host: "beta" });
      const ended = await untilMigration(plane.client, migration.id, "over", isOver, 90_000);
      expect(ended).toMatchObject({
        state: "failed",
        failure: { code: expect.stringMatching(/pre-check-failed|deadline-exceeded/) },
      });
      expect(ended.reason).toMatch(/beta/);
      await untilServerIsOn(plane.client, "unanswered", "alpha");
      expect(await plane.store.claims.list()).toEqual([]);
    } finally {
      plane.agents.beta.thaw();
    }
  });

  it("refuses what involves a host that is down", { timeout: 60_000 }, async () => {
    const plane = planeOf();
    await plane.addGuest({ name: "downed" });
    await plane.agents.beta.stop();
    const seen = async () => (await plane.client.hosts()).hosts.find((host) => host.name === "beta")?.state;
    // Its last report may still be under way, and would undo what is written here.
    let lastSeen = "";
    await waitFor(
      "beta's last report to be in",
      async () => {
        const before = lastSeen;
        lastSeen = await plane.postgres.sql(`select last_seen_at from host_beats where host = 'beta'`, plane.storeUrl);
        return lastSeen === before;
      },
      { intervalMs: 1_500 },
    );
    await plane.postgres.sql(
      `update host_beats set last_seen_at = last_seen_at - 120000 where host = 'beta'`,
      plane.storeUrl,
    );
    expect(await seen()).toBe("down");
    const refused = plane.client.migrate("downed", { host: "beta" });
    await expect(refused).rejects.toMatchObject({
      status: 409,
      code: "refused",
      message: expect.stringContaining("beta"),
    });
    plane.agents.beta.start();
    await plane.agents.beta.waitUntilReady();
    await waitFor("beta to be up again", async () => (await seen()) === "up");
  });
}

/** The last of a plane. */
export function goesDown(planeOf: PlaneOf): void {
  it("holds nothing at the end, and stops in good order", async () => {
    const plane = planeOf();
    expect((await plane.client.migrations({ active: true })).migrations).toEqual([]);
    expect(await plane.store.claims.list()).toEqual([]);
    for (const process of [...plane.processes, plane.conductors[1]]) {
      await process.stop();
      const lines = process.log().trim().split("\n");
      const stopping = lines.findLastIndex((line) => line.includes(`"msg":"stopping"`));
      expect(stopping, `${process.label} says that it stops`).toBeGreaterThan(-1);
      expect(lines.slice(stopping).join("\n"), `${process.label} stops without trouble`).not.toMatch(/"(warn|error)"/);
    }
  });
}
