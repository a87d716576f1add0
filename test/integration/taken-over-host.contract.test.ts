import { handle, openBus } from "@drover/bus";
import {
  abortMigration,
  liveMigrateInstance,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  preLiveMigration,
  reportHeartbeat,
  reportMigrationEvent,
  reportMigrationOutcome,
  rollbackLiveMigration,
} from "@drover/contracts";
import { defaultPolicy, silentLogger, systemClock } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { connect as connectNats } from "@nats-io/transport-node";
import { connect as connectRabbitMq } from "amqplib";
import { describe, expect, it } from "vitest";
import { useProcessPlane } from "./use-process-plane.ts";
import { isOver, isWatched, untilMigration, untilServerIsOn } from "./watching.ts";

/** RabbitMQ passes the message on, and who is asked says no; NATS does not let it through, and nobody answers. */
const REFUSED_WITH = { amqp: /^forbidden$/, nats: /^(forbidden|deadline-exceeded)$/ } as const;

describe.each(["amqp", "nats"] as const)("where each process has credentials of its own (%s)", (driver) => {
  const planeOf = useProcessPlane({ driver, leastPrivilege: true });

  it("a whole migration works, though nobody may do more than it needs", { timeout: 120_000 }, async () => {
    const plane = planeOf();
    await plane.untilReady();
    plane.letGo();
    await plane.addGuest({ name: "moved" });
    const { migration } = await plane.client.migrate("moved", { host: "beta" });
    const ended = await untilMigration(plane.client, migration.id, "over", isOver);
    expect(ended, `${ended.reason}`).toMatchObject({ state: "completed", destinationHost: "beta" });
    for (const process of plane.processes) {
      expect(process.log(), process.label).not.toMatch(/forbidden|ACCESS.REFUSED|is not taken from/i);
    }
  });

  it("a taken-over host moves nothing, stops nothing and speaks for nobody else", { timeout: 120_000 }, async () => {
    const plane = planeOf();
    plane.holdBack();
    // Its own guest; and one of the other host that is being copied to it.
    const own = await plane.addGuest({ name: "own" });
    const other = plane.fleet.addGuest({
      name: "other",
      host: "beta",
      memoryMiB: 1024,
      touchedMiB: 800,
      dirtyMiBps: 2,
    });
    await waitFor("other to be shown", () => plane.client.server(other), { deadlineMs: 30_000 });
    const { migration } = await plane.client.migrate("other", { host: "alpha" });
    const copying = await untilMigration(plane.client, migration.id, "watched", isWatched);
    const before = await plane.store.migrations.get(copying.uuid);

    await plane.agents.alpha.stop();
    const { url } = plane.broker.userFor({ role: "agent", host: "alpha" });
    const busOfAlpha = () => {
      const tls = { tls_ca_path: null, tls_cert_path: null, tls_key_path: null };
      const process = { name: "taken-over", logger: silentLogger, clock: systemClock };
      return openBus({ driver, url, trusted_users: [], ...tls }, process);
    };
    const bus = busOfAlpha();
    await using _ = { [Symbol.asyncDispose]: () => bus.close() };
    await waitFor("it to be let in as itself", () => bus.status() === "connected");
    const command = {
      migrationUuid: copying.uuid,
      generation: 1_000,
      serverUuid: other,
      serverName: "other",
      notAfterMs: Date.now() + 60_000,
    };
    const start = {
      ...command,
      migrationUuid: crypto.randomUUID(),
      destinationHost: "alpha",
      destination: { libvirtUri: "qemu+tcp://alpha/system", inboundAddress: "127.0.0.1" },
      memoryKiB: 1_048_576,
      policy: defaultPolicy,
    };
    const report = { migrationUuid: copying.uuid, generation: before?.outputs.move?.generation ?? 0, sequence: 1_000 };
    const soon = { deadlineMs: 2_000, context: { requestId: "req-forged", userId: "drover-conductor" } };
    const onBeta = { server: "beta", ...soon };
    const expectRefused = async (asked: Promise<unknown>) => {
      await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(REFUSED_WITH[driver]) });
    };

    const stolenStart = {
      serverUuid: own,
      host: "beta",
      blockMigration: null,
      requestedBy: "admin",
      projectId: "demo",
    };
    const arrived = { outcome: "arrived", cause: null, error: null, progress: null } as const;
    await Promise.all([
      // Commands to the other host.
      expectRefused(bus.call(rollbackLiveMigration, { ...command, stayed: true, mayResume: true }, onBeta)),
      expectRefused(bus.call(preLiveMigration, { ...command, memoryKiB: 1, sourceHost: "alpha", disks: [] }, onBeta)),
      // Requests that only people and services may make.
      expectRefused(bus.call(abortMigration, { migrationUuid: copying.uuid, requestedBy: "admin" }, soon)),
      expectRefused(bus.call(liveMigrateInstance, stolenStart, soon)),
      // What only the other host's agent may say.
      expectRefused(bus.call(reportHeartbeat, { host: "beta", recordsSeenAtMs: 0 }, soon)),
      expectRefused(
        bus.call(reportMigrationEvent, { ...report, host: "beta", event: "abort-sent", message: "forged" }, soon),
      ),
      expectRefused(bus.call(reportMigrationOutcome, { ...report, host: "beta", ...arrived }, soon)),
    ]);
    // A broker may swallow a cast where a call is told; nothing comes of either.
    await Promise.allSettled([
      bus.cast(liveMigrationAbort, command, onBeta),
      bus.cast(liveMigrationForceComplete, command, onBeta),
      bus.cast(liveMigration, start, onBeta),
    ]);
    await forge[driver](url, plane.broker.userFor({ role: "control-plane", name: "conductor" }).name);
    // The other host's queue, while something comes in for it.
    const listening = busOfAlpha();
    await using __ = { [Symbol.asyncDispose]: () => listening.close() };
    const heard: unknown[] = [];
    const handlers = [handle(liveMigrationAbort, async (overheard) => void heard.push(overheard))];
    const served = listening.serve({ topic: "compute-control", server: "beta", handlers }).catch((error) => error);
    await Promise.race([served, systemClock.sleep(2_000)]);

    // It was all dealt with, and everything is as it was.
    for (const topic of ["compute", "compute-control"]) {
      await waitFor(`${topic} of beta to be empty`, async () => (await plane.broker.waitingFor(topic, "beta")) === 0);
    }
    await untilMigration(plane.client, copying.id, "copied further", ({ progress }) => {
      return (progress?.memoryProcessedBytes ?? 0) > (copying.progress?.memoryProcessedBytes ?? 0);
    });
    expect((await plane.client.server("other")).server).toMatchObject({ host: "beta", powerState: "running" });
    const now = await plane.store.migrations.get(copying.uuid);
    expect(now).toMatchObject({ state: "running", generation: before?.generation, outcome: null });

    // An operator is obeyed, by the host itself; and by alpha's own agent, when it has its host back.
    plane.agents.alpha.start();
    await plane.agents.alpha.waitUntilReady();
    await plane.client.abort(copying.id);
    expect(await untilMigration(plane.client, copying.id, "over", isOver)).toMatchObject({ state: "cancelled" });
    await untilServerIsOn(plane.client, "other", "beta");
    await untilServerIsOn(plane.client, "own", "alpha");
    expect(heard).toEqual([]);
    expect((await plane.client.migrations({ active: true })).migrations).toEqual([]);
  });
});

/** To send as somebody else, past our own client. Resolves when the broker has said no. */
const forge = {
  amqp: async (url: string, user: string) => {
    const connection = await connectRabbitMq(url);
    connection.on("error", () => undefined);
    try {
      const channel = await connection.createChannel();
      const refused = new Promise<Error>((resolve) => channel.once("error", resolve));
      channel.publish("", "compute-control.beta", Buffer.from("{}"), { userId: user });
      expect((await refused).message).toMatch(/PRECONDITION_FAILED/);
    } finally {
      await connection.close().catch(() => undefined);
    }
  },
  nats: async (url: string, user: string) => {
    const { host, username, password } = new URL(url);
    const credentials = { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
    const connection = await connectNats({ servers: host, ...credentials });
    try {
      const refused = Promise.withResolvers<unknown>();
      void (async () => {
        for await (const status of connection.status()) if (status.type === "error") refused.resolve(status.error);
      })();
      connection.publish(`drover.cast.compute-control.beta.${user}`, "{}");
      expect(String(await refused.promise)).toMatch(/permissions? violation/i);
    } finally {
      await connection.close();
    }
  },
} as const;
