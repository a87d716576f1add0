import { createServer } from "node:net";
import { ApiError } from "@drover/api-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StandaloneFolders, type StandaloneProcess, standaloneFolders } from "./standalone-process.ts";
import { isOver, isWatched, untilMigration, untilServerIsOn } from "./watching.ts";

describe.concurrent("a standalone Drover", { timeout: 90_000 }, () => {
  let folders: StandaloneFolders;
  let drover: StandaloneProcess;
  beforeAll(async () => {
    folders = await standaloneFolders();
    drover = await folders.start();
  });
  afterAll(async () => {
    await folders[Symbol.asyncDispose]();
  });

  it("shows its hosts and guests", async ({ expect }) => {
    const { hosts } = await drover.client.hosts();
    expect(hosts.map((host) => [host.name, host.state])).toEqual([
      ["alpha", "up"],
      ["beta", "up"],
      ["gamma", "up"],
    ]);
    const { servers } = await drover.client.servers();
    expect(servers.map((server) => server.name).sort()).toEqual(
      ["archive", "busy", "cache", "database", "idle", "web-1", "web-2"].sort(),
    );
    for (const path of ["healthz", "readyz"]) expect((await fetch(`${drover.url}/${path}`)).status).toBe(200);
  });

  it("moves a guest and shows how far it is", async ({ expect }) => {
    const { client } = drover;
    const { migration } = await client.migrate("web-1", { host: "beta" });
    const seen = await untilMigration(client, migration.id, "watched", isWatched);
    expect(seen.progress).toMatchObject({ source: "cache", stale: false, phase: "pre-copy" });
    await untilMigration(client, migration.id, "further", ({ progress }) => {
      return (progress?.memoryProcessedBytes ?? 0) > (seen.progress?.memoryProcessedBytes ?? 0);
    });
    const ended = await untilMigration(client, migration.id, "over", isOver);
    expect(ended).toMatchObject({ state: "completed", destinationHost: "beta", failure: null });
    await untilServerIsOn(client, "web-1", "beta");
  });

  it("completes by force what never converges", async ({ expect }) => {
    const { client } = drover;
    const { migration } = await client.migrate("busy", { host: "gamma" });
    await untilMigration(client, migration.id, "in its second pass", ({ progress }) => (progress?.iteration ?? 0) >= 2);
    expect(await client.forceComplete(migration.id)).toEqual({ answer: "accepted" });
    expect(await untilMigration(client, migration.id, "over", isOver)).toMatchObject({ state: "completed" });
    await untilServerIsOn(client, "busy", "gamma");
    await expect.poll(async () => (await client.server("busy")).server.powerState).toBe("running");
  });

  it("leaves a guest on its source when it is told to abort", async ({ expect }) => {
    const { client } = drover;
    const { migration } = await client.migrate("cache", { host: "alpha" });
    await untilMigration(client, migration.id, "watched", isWatched);
    expect(await client.abort(migration.id)).toEqual({ answer: "accepted" });
    const ended = await untilMigration(client, migration.id, "over", isOver);
    expect(ended).toMatchObject({ state: "cancelled", failure: null, reason: "aborted on request of admin" });
    await untilServerIsOn(client, "cache", "beta");
    await expect(client.forceComplete(migration.id)).rejects.toThrow(ApiError);
    const path = `/v2.1/servers/${migration.server.uuid}/os-instance-actions`;
    const headers = { "openstack-api-version": "compute 2.84", "x-auth-token": drover.token };
    const answer = await fetch(`${drover.url}${path}`, { headers });
    expect(await answer.json()).toMatchObject({
      instanceActions: [
        { action: "live_migration_force_complete", message: "Error" },
        { action: "live_migration_cancel", message: null },
        { action: "live-migration", message: "Error" },
      ],
    });
    const shown = await fetch(`${drover.url}${path}/${ended.requestId}`, { headers });
    const { instanceAction } = (await shown.json()) as { instanceAction: { events: Record<string, unknown>[] } };
    expect(instanceAction.events.map(({ event, result }) => [event, result])).toEqual([
      ["compute__rollback_live_migration", "Success"],
      ["compute_live_migration", "Error"],
      ["compute_pre_live_migration", "Success"],
      ["conductor_live_migrate_instance", "Success"],
    ]);
  });
});

describe.concurrent("the process of a standalone Drover", { timeout: 90_000 }, () => {
  it.each(["SIGINT", "SIGTERM"] as const)("stops on %s, in order and with nothing left", async (signal) => {
    await using folders = await standaloneFolders();
    await using drover = await folders.start();
    expect(drover.output()).toContain(folders.data);
    const { migration } = await drover.client.migrate("database");
    await untilMigration(drover.client, migration.id, "watched", isWatched);
    expect(await drover.end(signal)).toBe(0);
    expect(folders.leftovers()).toEqual([]);
    expect(drover.output()).not.toMatch(/"level":"(warn|error)"|AbortError/);
  });

  it("finds its records and its guests again", async () => {
    await using folders = await standaloneFolders();
    const first = await folders.start();
    const { migration } = await first.client.migrate("idle", { host: "beta" });
    const ended = await untilMigration(first.client, migration.id, "over", isOver);
    expect(ended.state).toBe("completed");
    await untilServerIsOn(first.client, "idle", "beta");
    expect(await first.end("SIGTERM")).toBe(0);

    const second = await folders.start();
    expect((await second.client.migration(migration.id)).migration).toMatchObject({
      ...ended,
      progress: expect.anything(),
    });
    await untilServerIsOn(second.client, "idle", "beta");
    expect(await second.end("SIGTERM")).toBe(0);
    expect(folders.leftovers()).toEqual([]);
  });

  it("settles after a crash what was under way", async () => {
    await using folders = await standaloneFolders();
    const first = await folders.start();
    const { migration } = await first.client.migrate("web-2");
    await untilMigration(first.client, migration.id, "watched", isWatched);
    await first.end("SIGKILL");

    const again = await folders.start();
    const ended = await untilMigration(again.client, migration.id, "over", isOver);
    // The simulated hosts were in the process that died, and their copy with it.
    expect(ended).toMatchObject({ state: "failed", failure: { message: expect.stringContaining("web-2") } });
    await untilServerIsOn(again.client, "web-2", "beta");
    const { migration: retried } = await again.client.migrate("web-2");
    await untilMigration(again.client, retried.id, "watched", isWatched);
  });

  it("says that its port is taken, and ends", async () => {
    await using folders = await standaloneFolders();
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const { exitCode, output } = await folders.startInVain(port);
      expect(exitCode).toBe(1);
      expect(output).toContain(`127.0.0.1:${port}`);
      expect(output).toContain("address already in use");
      expect(output).toContain("DROVER_API_PORT");
      expect(output.trim().split("\n")).toHaveLength(1);
      expect(folders.leftovers()).toEqual([]);
    } finally {
      taken.close();
    }
  });
});
