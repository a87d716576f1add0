import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo, createServer as createRawServer } from "node:net";
import { openSampleFleet, S1, type SampleFleet } from "@drover/fleet/testing";
import { type Clock, type Migration, silentLogger, systemClock } from "@drover/model";
import type { RunningService } from "@drover/service-kit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { postEvent, signatureOf } from "./post-event.ts";
import { retryDelayMs } from "./retry-delay.ts";
import { startWebhookDeliveries } from "./webhook-deliveries.ts";

interface Heard {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let fleet: SampleFleet;
let server: Server;
let url: string;
let heard: Heard[];
/** Answers one after the other, and the last again and again. */
let answers: number[];
let running: RunningService[];
/** The receiver answers when it is over. */
let holdUp: Promise<void> | undefined;
const onDisabled = vi.fn();

beforeEach(async () => {
  fleet = await openSampleFleet();
  [heard, answers, running, holdUp] = [[], [200], [], undefined];
  onDisabled.mockClear();
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", async () => {
      heard.push({ headers: request.headers, body });
      await holdUp;
      const status = (answers.length > 1 ? answers.shift() : answers[0]) ?? 200;
      response.writeHead(status, status === 302 ? { location: url } : {}).end("x".repeat(100_000));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await fleet[Symbol.asyncDispose]();
});

const secret = "whsec_test";
const rules = { allowLoopback: true };
/** Waits of retries are over at once. */
const quickClock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) };

async function start(options: { giveUpMs?: number; clock?: Clock } = {}): Promise<RunningService> {
  const { giveUpMs = 3_600_000, clock = quickClock } = options;
  const { store, progress } = fleet;
  const service = await startWebhookDeliveries({
    ...{ store, progress, clock, logger: silentLogger, rules, giveUpMs, onDisabled },
  });
  running.push(service);
  return service;
}

const hook = (change: { id?: string; states?: Migration["state"][]; url?: string; position?: number } = {}) =>
  fleet.store.webhooks.create({ id: "wh_1", url, secret, states: [], position: 0, createdBy: "ann", ...change });

async function note(migration: Migration, event: string): Promise<void> {
  await fleet.store.migrations.appendLog(migration.uuid, migration.state, { event, message: "" });
  await fleet.progress.announceChange();
}

const events = () => heard.map(({ body }) => JSON.parse(body).event);

it("a receiver that answers by changing the protocol has not taken it", async () => {
  await using sockets = new AsyncDisposableStack();
  const raw = createRawServer((socket) => {
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    );
  });
  await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
  sockets.defer(() => new Promise((resolve) => raw.close(() => resolve())));
  const receiver = { id: "wh_1", url: `http://127.0.0.1:${(raw.address() as AddressInfo).port}/`, secret };
  const { signal } = new AbortController();
  const sent = postEvent(receiver, { event: "test", id: "1", body: "{}" }, { rules, now: new Date(), signal });
  await expect(sent).rejects.toMatchObject({ code: "unavailable" });
});

describe("deliveries to webhooks", () => {
  it("tell every change in order, signed, and remember how far they are", async () => {
    await hook();
    const migration = await fleet.queued(S1);
    await start();
    for (const event of ["a", "b", "c"]) await note(migration, event);
    await vi.waitFor(() => expect(events()).toEqual(["queued", "a", "b", "c"]));
    const { headers, body } = heard[1] ?? { headers: {}, body: "" };
    expect(JSON.parse(body)).toMatchObject({ id: 2, event: "a", state: "queued", migration: { uuid: migration.uuid } });
    expect(headers).toMatchObject({ "drover-event": "change", "drover-event-id": "2", "drover-webhook": "wh_1" });
    const signature = String(headers["drover-signature"]);
    expect(signatureOf(secret, body, Number(/t=(\d+)/.exec(signature)?.[1]))).toBe(signature);
    const told = { position: 4, failingSince: null, lastDeliveredAt: expect.any(Date) };
    await vi.waitFor(async () => expect(await fleet.store.webhooks.get("wh_1")).toMatchObject(told));
  });

  it("are tried again until they are taken, and keep nothing of another webhook back", async () => {
    answers = [500, 302, 503, 200];
    await hook();
    const dead = await hook({ id: "wh_2", url: "http://127.0.0.1:1/" });
    const migration = await fleet.queued(S1);
    let nowMs = 0;
    const clock = { ...quickClock, monotonicMs: () => (nowMs += 60_000) };
    await start({ clock });
    await note(migration, "a");
    await vi.waitFor(() => expect(events()).toEqual(["queued", "queued", "queued", "queued", "a"]));
    const failing = await vi.waitFor(async () => {
      const found = await fleet.store.webhooks.get(dead.id);
      expect(found?.failingSince).not.toBeNull();
      return found;
    });
    expect(failing).toMatchObject({ position: 0, lastError: expect.stringContaining("ECONNREFUSED") });
  });

  it("go on in another conductor, where the last one stopped", async () => {
    await hook();
    const taken = (position: number) =>
      vi.waitFor(async () => expect(await fleet.store.webhooks.get("wh_1")).toMatchObject({ position }));
    const migration = await fleet.queued(S1);
    const first = await start();
    const second = await start();
    await note(migration, "a");
    await vi.waitFor(() => expect(events()).toEqual(["queued", "a"]));
    await taken(2);
    await first.stop();
    await note(migration, "b");
    await vi.waitFor(() => expect(events()).toEqual(["queued", "a", "b"]));
    await taken(3);
    await second.stop();
    await note(migration, "c");
    await start();
    await vi.waitFor(() => expect(events()).toEqual(["queued", "a", "b", "c"]));
  });

  it("are not cut at a stop: the receiver's answer to what it was sent is waited for", async () => {
    const held = Promise.withResolvers<void>();
    holdUp = held.promise;
    await hook();
    const migration = await fleet.queued(S1);
    const first = await start();
    await note(migration, "a");
    await vi.waitFor(() => expect(events()).toEqual(["queued"]));
    const stopped = first.stop();
    held.resolve();
    await stopped;
    expect(await fleet.store.webhooks.get("wh_1")).toMatchObject({ position: 1 });
    await start();
    await vi.waitFor(() => expect(events()).toEqual(["queued", "a"]));
  });

  it("end when their webhook is disabled, and begin anew, once, when it is enabled again", async () => {
    const held = Promise.withResolvers<void>();
    holdUp = held.promise;
    await hook();
    const migration = await fleet.queued(S1);
    await start();
    for (const event of ["a", "b"]) await note(migration, event);
    await vi.waitFor(() => expect(events()).toEqual(["queued"]));
    await fleet.store.webhooks.setEnabled("wh_1", false, "by hand");
    await fleet.progress.announceChange();
    await systemClock.sleep(60);
    await fleet.store.webhooks.setEnabled("wh_1", true, null);
    await fleet.progress.announceChange();
    held.resolve();
    // The first was under way: whether it was taken is not known.
    await vi.waitFor(() => expect(events()).toEqual(["queued", "queued", "a", "b"]));
    await note(migration, "c");
    await vi.waitFor(() => expect(events()).toEqual(["queued", "queued", "a", "b", "c"]));
  });

  it("say nothing more of what was left to a webhook that is deleted", async () => {
    const held = Promise.withResolvers<void>();
    holdUp = held.promise;
    await hook();
    const migration = await fleet.queued(S1);
    await start();
    for (const event of ["a", "b"]) await note(migration, event);
    await vi.waitFor(() => expect(events()).toEqual(["queued"]));
    await fleet.store.webhooks.remove("wh_1");
    const looks = vi.spyOn(fleet.store.webhooks, "list");
    await fleet.progress.announceChange();
    await vi.waitFor(() => expect(looks.mock.settledResults.at(-1)?.value).toEqual([]));
    held.resolve();
    await hook({ id: "wh_2", position: 1 });
    await fleet.progress.announceChange();
    await vi.waitFor(() => expect(events().slice(1)).toEqual(["a", "b"]));
    expect(heard.slice(1).map(({ headers }) => headers["drover-webhook"])).toEqual(["wh_2", "wh_2"]);
  });

  it("look for news no oftener while a receiver is slow after it had failed", async () => {
    answers = [500, 200];
    await hook();
    const migration = await fleet.queued(S1);
    await start({ clock: systemClock });
    await vi.waitFor(() => expect(events()).toHaveLength(1));
    const held = Promise.withResolvers<void>();
    holdUp = held.promise;
    await vi.waitFor(() => expect(events()).toHaveLength(2));
    const looks = vi.spyOn(fleet.store.duties, "take");
    await systemClock.sleep(300);
    expect(looks.mock.calls.length).toBeLessThan(3);
    held.resolve();
    await note(migration, "a");
    await vi.waitFor(() => expect(events()).toEqual(["queued", "queued", "a"]));
  });

  it("leave out the states that were not asked for", async () => {
    await hook({ states: ["cancelled"] });
    const migration = await fleet.queued(S1);
    await start();
    await note(migration, "a");
    await fleet.store.migrations.update(
      migration.uuid,
      migration,
      { state: "cancelled" },
      { event: "end", message: "" },
    );
    await fleet.progress.announceChange();
    await vi.waitFor(() => expect(events()).toEqual(["end"]));
    await vi.waitFor(async () => expect(await fleet.store.webhooks.get("wh_1")).toMatchObject({ position: 3 }));
  });

  it.each([
    ["has failed for too long", 500, 0, /nothing got through since 20.*HTTP 500/],
    ["says that it is gone", 410, 3_600_000, /HTTP 410/],
  ])("end for a receiver that %s, with the reason", async (_what, status, giveUpMs, reason) => {
    answers = [status];
    await hook();
    await fleet.queued(S1);
    await start({ giveUpMs });
    await vi.waitFor(async () => {
      const after = await fleet.store.webhooks.get("wh_1");
      expect(after).toMatchObject({ enabled: false, disabledReason: expect.stringMatching(reason), position: 0 });
    });
    expect(heard).toHaveLength(1);
    await vi.waitFor(() => expect(onDisabled).toHaveBeenCalledOnce());
  });
});

describe("an event that is sent", () => {
  const send = (to: string, allowLoopback = false) =>
    postEvent(
      { id: "wh_1", url: to, secret },
      { event: "test", id: "1", body: "{}" },
      {
        rules: { allowLoopback },
        now: new Date(),
        signal: AbortSignal.timeout(30_000),
      },
    );

  it.each([
    "http://127.0.0.1/",
    "http://localhost/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://100.100.100.200/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[::ffff:169.254.169.254]/",
  ])("does not go to %s", async (to) => {
    await expect(send(to)).rejects.toMatchObject({ code: "refused" });
    expect(heard).toEqual([]);
  });

  it("goes to this machine where that is allowed, follows no redirect, and reads no answer", async () => {
    await send(url, true);
    answers = [302];
    await expect(send(url, true)).rejects.toThrow(/HTTP 302, and redirects are not followed/);
    expect(heard).toHaveLength(2);
  });
});

it("retries wait twice as long each time, up to five minutes", () => {
  expect([1, 2, 4].map((failures) => retryDelayMs(failures, () => 1))).toEqual([1_000, 2_000, 8_000]);
  expect(retryDelayMs(30, () => 0)).toBe(150_000);
});
