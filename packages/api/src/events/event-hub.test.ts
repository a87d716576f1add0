import { PassThrough } from "node:stream";
import { openSampleFleet } from "@drover/fleet/testing";
import { type Clock, silentLogger, systemClock } from "@drover/model";
import { expect, it, vi } from "vitest";
import { EventHub } from "./event-hub.ts";
import { EventStream } from "./event-stream.ts";

/** Waits of seconds are over at once. */
const quickClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms >= 1_000 ? 1 : ms, signal),
};

it("beats to every stream, and ends that of a token which does not count any more", async () => {
  await using fleet = await openSampleFleet();
  const logger = silentLogger;
  const hub = new EventHub({ ...fleet, clock: quickClock, logger, metrics: undefined, maxStreams: 2 });
  const rejoin = { migrationUuid: undefined, progress: false, hasOwnToken: true };
  const [kept, ended] = [new PassThrough(), new PassThrough()];
  const [keptStream, endedStream] = [kept, ended].map((output) => new EventStream(output, () => undefined));
  if (keptStream === undefined || endedStream === undefined) throw new Error("no streams");
  let isStillLetIn = true;
  keptStream.goLive(await hub.join({ ...rejoin, stream: keptStream, isStillLetIn: async () => true }));
  endedStream.goLive(await hub.join({ ...rejoin, stream: endedStream, isStillLetIn: async () => isStillLetIn }));
  await vi.waitFor(() => expect(ended.read()?.toString()).toMatch(/^(:\n\n)+$/));
  isStillLetIn = false;
  await vi.waitFor(() => expect(endedStream.isOpen).toBe(false));
  expect(keptStream.isOpen).toBe(true);
  await hub.close();
  expect(keptStream.isOpen).toBe(false);
});

it("goes on beating while nobody can say whether tokens still count, and asks for one after the other", async () => {
  await using fleet = await openSampleFleet();
  const hub = new EventHub({ ...fleet, clock: quickClock, logger: silentLogger, metrics: undefined, maxStreams: 2 });
  const outputs = [new PassThrough(), new PassThrough()];
  const asked: number[] = [];
  for (const [index, output] of outputs.entries()) {
    const stream = new EventStream(output, () => undefined);
    const isStillLetIn = () => {
      asked.push(index);
      return new Promise<boolean>(() => undefined);
    };
    const wanted = { migrationUuid: undefined, progress: false, hasOwnToken: true };
    stream.goLive(await hub.join({ ...wanted, stream, isStillLetIn }));
  }
  await vi.waitFor(() => {
    for (const output of outputs) expect(output.readableLength).toBeGreaterThan(3 * ":\n\n".length);
  });
  expect(asked).toEqual([0]);
  await hub.close();
});

it("ends a stream of Drover's own token also while nobody can be asked about those of others", async () => {
  await using fleet = await openSampleFleet();
  const hub = new EventHub({ ...fleet, clock: quickClock, logger: silentLogger, metrics: undefined, maxStreams: 2 });
  const join = async (hasOwnToken: boolean, isLetIn: boolean | undefined) => {
    const stream = new EventStream(new PassThrough(), () => undefined);
    const wanted = { migrationUuid: undefined, progress: false, hasOwnToken, isStillLetIn: async () => isLetIn };
    stream.goLive(await hub.join({ ...wanted, stream }));
    return stream;
  };
  const [others, own] = [await join(false, undefined), await join(true, false)];
  await vi.waitFor(() => expect(own.isOpen).toBe(false));
  expect(others.isOpen).toBe(true);
  await hub.close();
});

it("does not count a reader that was gone before it joined", async () => {
  await using fleet = await openSampleFleet();
  const hub = new EventHub({ ...fleet, clock: quickClock, logger: silentLogger, metrics: undefined, maxStreams: 1 });
  const wanted = { migrationUuid: undefined, progress: false, hasOwnToken: true, isStillLetIn: async () => true };
  for (const isGone of [true, true, false]) {
    const output = new PassThrough();
    if (isGone) output.destroy();
    await hub.join({ ...wanted, stream: new EventStream(output, () => undefined) });
  }
  await hub.close();
});

it("keeps a reader that takes what was before in small parts", async () => {
  const output = new PassThrough({ highWaterMark: 10 });
  const stream = new EventStream(output, () => undefined);
  const opened = stream.opening(Buffer.alloc(1024 * 1024));
  for (let part = 0; part < 16; part++) {
    stream.heartbeat();
    expect(stream.isOpen).toBe(true);
    await vi.waitFor(() => expect(output.read()?.length).toBeGreaterThan(0));
  }
  output.resume();
  await opened;
  expect(stream.isOpen).toBe(true);
});

it.each(["opening", "ended"])("gives a stream up whose reader takes nothing while it is %s", (mode) => {
  const output = new PassThrough({ highWaterMark: 10 });
  const cut = vi.fn();
  const stream = new EventStream(output, cut);
  void stream.opening(Buffer.from("more than it takes"));
  if (mode === "ended") stream.end();
  stream.heartbeat();
  expect(output.destroyed).toBe(false);
  stream.heartbeat();
  expect([output.destroyed, cut.mock.calls.length]).toEqual([true, 1]);
});

it("cuts nobody for one frame that is longer than what may be left unread", async () => {
  const output = new PassThrough();
  const stream = new EventStream(output, () => undefined);
  const long = Buffer.alloc(3 * 1024 * 1024, "x");
  stream.change(1, long);
  stream.goLive(0);
  expect(stream.isOpen).toBe(true);
  output.resume();
  await vi.waitFor(() => expect(output.writableNeedDrain).toBe(false));
  output.pause();
  stream.progress(long);
  stream.change(2, Buffer.from("small"));
  expect(stream.isOpen).toBe(true);
  stream.change(3, long);
  expect(stream.isOpen).toBe(false);
});

it("gives a stream up whose reader takes nothing from one heartbeat to the next", () => {
  const output = new PassThrough({ highWaterMark: 10 });
  const cut = vi.fn();
  const stream = new EventStream(output, cut);
  stream.goLive(0);
  stream.change(1, Buffer.from("more than it takes"));
  stream.heartbeat();
  expect(stream.isOpen).toBe(true);
  stream.heartbeat();
  expect([stream.isOpen, cut.mock.calls.length]).toEqual([false, 1]);
});

it("keeps the newest numbers alone for a reader that is not ready for more", async () => {
  const output = new PassThrough({ highWaterMark: 10 });
  const stream = new EventStream(output, () => undefined);
  stream.goLive(0);
  for (const text of ["first numbers;", "second;", "third;", "newest;"]) stream.progress(Buffer.from(text));
  let heard = "";
  output.on("data", (text: Buffer) => {
    heard += text.toString();
  });
  await vi.waitFor(() => expect(heard).toBe("first numbers;newest;"));
});
