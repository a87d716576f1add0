import { createHash } from "node:crypto";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LibvirtConnection } from "./connection.ts";
import { LibvirtError } from "./libvirt-error.ts";
import { procedures } from "./procedures/procedure-table.ts";
import type { LibvirtHandlers } from "./server/libvirt-handlers.ts";
import { fakeLibvirtd, listen, rejectionOf } from "./testing/fake-libvirtd.ts";
import { FrameSplitter } from "./wire/frame-splitter.ts";
import { type Frame, HEADER_BYTES, MessageStatus, MessageType, streamFrame } from "./wire/message.ts";
import { isHole, type StreamHole } from "./wire/stream-hole.ts";

const vol = { pool: "default", name: "config.iso", key: "/images/config.iso" };
const MIB = 1_048_576;

/** Bytes that repeat nowhere near, so that a lost, doubled or swapped piece shows. */
function content(lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at + 4 <= lengthBytes; at += 4) bytes.writeUInt32BE(Math.imul(at, 2_654_435_761) >>> 0, at);
  return bytes;
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

/** Lets input and output go on for a while. */
async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await turn();
}

const noVolume = () =>
  LibvirtError.refusal("VIR_ERR_NO_STORAGE_VOL", "Storage volume not found: no storage vol with matching key");

const fullDisk = () => LibvirtError.refusal("VIR_ERR_SYSTEM_ERROR", "cannot write to stream: No space left on device");

/** Handlers that answer a host name too, so that a test can see the connection go on. */
const withHostname = (handlers: LibvirtHandlers): LibvirtHandlers => ({
  connectGetHostname: () => ({ hostname: "host-1" }),
  ...handlers,
});

/** A volume in memory: what is uploaded can be downloaded. `end` says how each upload went. */
function memoryVolume() {
  let bytes = Buffer.alloc(0);
  const ends: string[] = [];
  return {
    ends,
    get bytes() {
      return bytes;
    },
    handlers: withHostname({
      storageVolDownload: ({ offset, length }) => {
        const from = Number(offset);
        return [bytes.subarray(from, length === 0n ? undefined : from + Number(length))];
      },
      storageVolUpload: () => async (data) => {
        const pieces: Buffer[] = [];
        try {
          for await (const piece of data)
            pieces.push(isHole(piece) ? Buffer.alloc(piece.holeBytes) : Buffer.from(piece));
          ends.push("whole");
        } catch (error) {
          ends.push("aborted");
          throw error;
        } finally {
          bytes = Buffer.concat(pieces);
        }
      },
    }),
  };
}

/** Opens any connection, answers the first call of `procedure` with a script's frames, and shows what comes after it. */
async function scripted(
  procedure: number,
  script: (serial: number, next: () => Promise<Frame>) => AsyncIterable<Buffer>,
) {
  return listen((socket) => {
    const splitter = new FrameSplitter();
    const frames: Frame[] = [];
    let started = false;
    const next = async (): Promise<Frame> => {
      for (;;) {
        const frame = frames.shift();
        if (frame !== undefined) return frame;
        await once(socket, "data");
      }
    };
    const start = async (serial: number) => {
      for await (const bytes of script(serial, next)) socket.write(bytes);
    };
    socket.on("data", (chunk: Buffer) => {
      splitter.push(chunk);
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
        if (started) {
          frames.push(frame);
        } else if (frame.header.procedure === procedure) {
          started = true;
          void start(frame.header.serial);
        } else {
          const isQuestion = QUESTIONS.includes(frame.header.procedure);
          socket.write(reply(frame.header.procedure, frame.header.serial, isQuestion ? "00000000" : ""));
        }
      }
    });
  });
}

/** Asked while a connection opens: ways to authenticate, none listed, and whether there is keepalive, no. */
const QUESTIONS: readonly number[] = [procedures.authList.number, procedures.connectSupportsFeature.number];

function reply(procedure: number, serial: number, bodyHex = ""): Buffer {
  const length = HEADER_BYTES + bodyHex.length / 2;
  const words = [length, 0x2000_8086, 1, procedure, 1, serial, 0].map((word) => word.toString(16).padStart(8, "0"));
  return Buffer.from(words.join("") + bodyHex, "hex");
}

const DOWNLOAD = procedures.storageVolDownload.number;

/** A server whose download sends what `frames` makes of its serial, behind the reply. */
function downloadOf(frames: (serial: number) => readonly Buffer[]) {
  return scripted(DOWNLOAD, async function* (serial) {
    yield reply(DOWNLOAD, serial);
    yield* frames(serial);
  });
}

/** virNetStreamHole: length, hyper; flags. */
function holeFrame(serial: number, length: bigint): Buffer {
  const body = Buffer.alloc(12);
  body.writeBigInt64BE(length, 0);
  const frame = streamFrame(DOWNLOAD, serial, MessageStatus.continue, body);
  frame.writeUInt32BE(MessageType.streamHole, 16);
  return frame;
}

describe("a volume's content", () => {
  test("arrives whole in both directions, in packets no longer than libvirt's, however it was cut", async () => {
    const volume = memoryVolume();
    await using server = await fakeLibvirtd(volume.handlers);
    await using connection = await LibvirtConnection.open(server.uri);
    const cuts = fc.array(fc.nat({ max: 700_000 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(cuts, async (lengths) => {
        const whole = content(lengths.reduce((sum, length) => sum + length, 0));
        let at = 0;
        const pieces = lengths.map((length) => {
          at += length;
          return whole.subarray(at - length, at);
        });
        expect(await connection.storageVol.upload(vol, pieces)).toBe(whole.length);
        expect(sha256(volume.bytes)).toBe(sha256(whole));
        const back = await collect(connection.storageVol.download(vol));
        expect(Math.max(0, ...back.map((piece) => piece.length))).toBeLessThanOrEqual(262_120);
        expect(sha256(Buffer.concat(back))).toBe(sha256(whole));
      }),
      { numRuns: 15 },
    );
    const part = connection.storageVol.download(vol, { offsetBytes: 2, lengthBytes: 3 });
    await connection.storageVol.upload(vol, [Buffer.from("abcdefgh")]);
    expect(Buffer.concat(await collect(part)).toString()).toBe("cde");
    expect(new Set(volume.ends)).toEqual(new Set(["whole"]));
  });

  test("that is not there is refused by both, and the connection goes on", async () => {
    await using server = await fakeLibvirtd(
      withHostname({
        storageVolDownload: () => Promise.reject(noVolume()),
        storageVolUpload: () => Promise.reject(noVolume()),
      }),
    );
    await using connection = await LibvirtConnection.open(server.uri);
    const refusal = { libvirtCodeName: "VIR_ERR_NO_STORAGE_VOL" };
    await expect(collect(connection.storageVol.download(vol))).rejects.toMatchObject(refusal);
    await expect(connection.storageVol.upload(vol, [content(10)])).rejects.toMatchObject(refusal);
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("that cannot be read or written to the end fails with libvirtd's reason, and the connection goes on", async () => {
    await using server = await fakeLibvirtd(
      withHostname({
        storageVolDownload: async function* () {
          yield content(400_000);
          throw fullDisk();
        },
        storageVolUpload: () => async (data) => {
          for await (const _ of data) throw fullDisk();
        },
      }),
    );
    await using connection = await LibvirtConnection.open(server.uri);
    const reason = { libvirtCodeName: "VIR_ERR_SYSTEM_ERROR", text: expect.stringContaining("No space left") };
    await expect(collect(connection.storageVol.download(vol))).rejects.toMatchObject(reason);
    const endless = (function* () {
      for (;;) yield content(MIB);
    })();
    await expect(connection.storageVol.upload(vol, endless)).rejects.toMatchObject(reason);
    // All of it is sent, and the refusal is the answer to that.
    await expect(connection.storageVol.upload(vol, [content(10)])).rejects.toMatchObject(reason);
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("is not read further when the reader stops, and the source is let go of", async () => {
    const released = Promise.withResolvers<void>();
    await using server = await fakeLibvirtd(
      withHostname({
        storageVolDownload: async function* () {
          try {
            for (;;) yield content(MIB);
          } finally {
            released.resolve();
          }
        },
      }),
    );
    await using connection = await LibvirtConnection.open(server.uri);
    for await (const piece of connection.storageVol.download(vol)) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await released.promise;
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("whose transfer a signal aborts: both directions reject with its reason and the far end is told", async () => {
    const volume = memoryVolume();
    const released = Promise.withResolvers<void>();
    await using server = await fakeLibvirtd({
      ...volume.handlers,
      storageVolDownload: async function* () {
        try {
          yield content(10);
          await new Promise(() => undefined);
        } finally {
          released.resolve();
        }
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const stop = new AbortController();
    const endless = (async function* () {
      for (let piece = 1; ; piece += 1) {
        yield content(1000);
        if (piece === 20) stop.abort(new Error("enough"));
        await turn();
      }
    })();
    await expect(connection.storageVol.upload(vol, endless, { signal: stop.signal })).rejects.toThrow("enough");
    expect(volume.ends).toEqual(["aborted"]);
    await expect(collect(connection.storageVol.download(vol, { signal: stop.signal }))).rejects.toThrow("enough");
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("that a signal aborts while it opens is aborted once it has, and the connection goes on", async () => {
    const opening = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    const ends: string[] = [];
    await using server = await fakeLibvirtd(
      withHostname({
        storageVolUpload: async () => {
          opening.resolve();
          await opened.promise;
          return async (data) => {
            try {
              for await (const _ of data);
              ends.push("whole");
            } catch (error) {
              ends.push("aborted");
              throw error;
            }
          };
        },
      }),
    );
    await using connection = await LibvirtConnection.open(server.uri);
    const stop = new AbortController();
    const uploading = rejectionOf(connection.storageVol.upload(vol, [content(10)], { signal: stop.signal }));
    await opening.promise;
    stop.abort(new Error("enough"));
    await turns(10);
    opened.resolve();
    expect(await uploading).toMatchObject({ message: "enough" });
    expect(ends).toEqual(["aborted"]);
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("that its source cannot bring is aborted, and the source's error passed on", async () => {
    const volume = memoryVolume();
    await using server = await fakeLibvirtd(volume.handlers);
    await using connection = await LibvirtConnection.open(server.uri);
    const broken = (function* () {
      yield content(1000);
      throw new Error("the file is gone");
    })();
    await expect(connection.storageVol.upload(vol, broken)).rejects.toThrow("the file is gone");
    expect(volume.ends).toEqual(["aborted"]);
    expect(await connection.connect.getHostname()).toBe("host-1");
  });

  test("is in doubt after an upload whose connection broke, and merely unread after a download", async () => {
    await using server = await fakeLibvirtd({
      storageVolDownload: async function* (_args, session) {
        yield content(MIB);
        session.destroy();
      },
      storageVolUpload: (_args, session) => async (data) => {
        for await (const _ of data) session.destroy();
      },
    });
    const reading = await LibvirtConnection.open(server.uri);
    expect(await rejectionOf(collect(reading.storageVol.download(vol)))).toMatchObject({ code: "unavailable" });
    const writing = await LibvirtConnection.open(server.uri);
    expect(await rejectionOf(writing.storageVol.upload(vol, [content(10)]))).toMatchObject({ code: "outcome-unknown" });
  });
});

describe("a sparse stream", () => {
  const pattern = [{ holeBytes: 3 * MIB }, content(MIB), { holeBytes: 5 }, content(7), { holeBytes: 2 ** 40 }];
  const shown = (pieces: readonly (Uint8Array | StreamHole)[]) =>
    pieces.map((piece) => (isHole(piece) ? piece : piece.length));

  test("carries holes in both directions, at no more than their packets", async () => {
    const flags: number[] = [];
    const received: (Uint8Array | StreamHole)[] = [];
    await using server = await fakeLibvirtd({
      storageVolDownload: (args) => {
        flags.push(args.flags);
        return pattern;
      },
      storageVolUpload: (args) => async (data) => {
        flags.push(args.flags);
        for await (const piece of data) received.push(isHole(piece) ? piece : Buffer.from(piece));
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const back: (Uint8Array | StreamHole)[] = [];
    for await (const piece of connection.storageVol.downloadSparse(vol)) back.push(piece);
    const cut = [262_120, 262_120, 262_120, 262_120, MIB - 4 * 262_120];
    expect(shown(back)).toEqual([{ holeBytes: 3 * MIB }, ...cut, { holeBytes: 5 }, 7, { holeBytes: 2 ** 40 }]);
    expect(await connection.storageVol.uploadSparse(vol, pattern)).toBe(4 * MIB + 12 + 2 ** 40);
    expect(shown(received)).toEqual(shown(back));
    expect(flags).toEqual([1, 1]);
  });

  test("is aborted as any other, also in the midst of holes", async () => {
    const ends: string[] = [];
    await using server = await fakeLibvirtd(
      withHostname({
        storageVolDownload: async function* () {
          try {
            for (;;) yield { holeBytes: MIB };
          } finally {
            ends.push("download");
          }
        },
        storageVolUpload: () => async (data) => {
          try {
            for await (const _ of data);
          } catch (error) {
            ends.push("upload");
            throw error;
          }
        },
      }),
    );
    await using connection = await LibvirtConnection.open(server.uri);
    for await (const piece of connection.storageVol.downloadSparse(vol)) {
      expect(piece).toEqual({ holeBytes: MIB });
      break;
    }
    const broken = (function* () {
      yield { holeBytes: MIB };
      throw new Error("the file is gone");
    })();
    await expect(connection.storageVol.uploadSparse(vol, broken)).rejects.toThrow("the file is gone");
    expect(await connection.connect.getHostname()).toBe("host-1");
    expect(ends.sort()).toEqual(["download", "upload"]);
  });

  test("without end does not fill a reader's memory", async () => {
    let sent = 0;
    await using server = await fakeLibvirtd({
      storageVolDownload: function* () {
        for (; sent < 200_000; sent += 1) yield { holeBytes: 1 };
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    const pieces = connection.storageVol.downloadSparse(vol);
    await pieces.next();
    for (let before = -1; before !== sent; await turns(50)) before = sent;
    expect(sent).toBeLessThan(150_000);
    await pieces.return(undefined);
  });

  test.each([
    ["of no length", 0n],
    ["of less", -1n],
    ["beyond counting", 2n ** 60n],
  ])("with a hole %s is not believed, and the connection is closed", async (_, length) => {
    await using server = await downloadOf((serial) => [holeFrame(serial, length)]);
    const connection = await LibvirtConnection.open(server.uri);
    const pieces = connection.storageVol.downloadSparse(vol);
    expect(await rejectionOf(pieces.next())).toMatchObject({ code: "unavailable" });
    expect(await connection.closed).toMatchObject({ code: "protocol" });
  });

  test("is what holes need: without it they close the connection, or are refused", async () => {
    await using server = await downloadOf((serial) => [holeFrame(serial, 1n)]);
    const connection = await LibvirtConnection.open(server.uri);
    await rejectionOf(collect(connection.storageVol.download(vol)));
    expect(await connection.closed).toMatchObject({ code: "protocol" });
  });
});

describe("flow control", () => {
  test("a reader that is behind holds the server up, and the keepalive with it, until it reads on", async () => {
    let sentBytes = 0;
    const whole = content(16 * MIB);
    await using server = await fakeLibvirtd({
      storageVolDownload: function* () {
        for (; sentBytes < whole.length; sentBytes += MIB) yield whole.subarray(sentBytes, sentBytes + MIB);
      },
    });
    await using connection = await LibvirtConnection.open(server.uri, { keepalive: { intervalMs: 20, count: 2 } });
    const digest = createHash("sha256");
    let read = 0;
    for await (const piece of connection.storageVol.download(vol)) {
      digest.update(piece);
      read += 1;
      if (read !== 1) continue;
      // Several times what keepalive would need to give the connection up.
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(sentBytes).toBeLessThan(8 * MIB);
    }
    expect(digest.digest("hex")).toBe(sha256(whole));
  });

  test("a server that takes nothing holds the upload up, and no more of the content is asked for", async () => {
    const take = Promise.withResolvers<void>();
    await using server = await fakeLibvirtd({
      storageVolUpload: () => async (data) => {
        await take.promise;
        for await (const _ of data);
      },
    });
    await using connection = await LibvirtConnection.open(server.uri);
    let asked = 0;
    const pieces = (function* () {
      for (; asked < 32; asked += 1) yield content(MIB);
    })();
    const sent = connection.storageVol.upload(vol, pieces);
    for (let before = -1; before !== asked; await turns(50)) before = asked;
    expect(asked).toBeLessThan(8);
    take.resolve();
    expect(await sent).toBe(32 * MIB);
  });
});

describe("on the wire", () => {
  test("a download takes data that overtake the reply, ends at an empty packet and finishes with an empty ok", async () => {
    const heard: Frame[] = [];
    await using server = await scripted(DOWNLOAD, async function* (serial, next) {
      yield streamFrame(DOWNLOAD, serial, MessageStatus.continue, Buffer.from("early "));
      yield reply(DOWNLOAD, serial);
      yield streamFrame(DOWNLOAD, serial, MessageStatus.continue, Buffer.from("late"));
      yield streamFrame(DOWNLOAD, serial, MessageStatus.continue);
      heard.push(await next());
      yield streamFrame(DOWNLOAD, serial, MessageStatus.ok);
    });
    const connection = await LibvirtConnection.open(server.uri);
    expect(Buffer.concat(await collect(connection.storageVol.download(vol))).toString()).toBe("early late");
    expect(heard[0]?.header).toMatchObject({ procedure: DOWNLOAD, type: MessageType.stream, status: MessageStatus.ok });
    expect(heard[0]?.bytes.length).toBe(HEADER_BYTES);
  });

  test("a confirmation of what was never finished closes the connection as untrustworthy", async () => {
    const UPLOAD = procedures.storageVolUpload.number;
    await using server = await scripted(UPLOAD, async function* (serial) {
      yield reply(UPLOAD, serial);
      yield streamFrame(UPLOAD, serial, MessageStatus.ok);
    });
    const connection = await LibvirtConnection.open(server.uri);
    const endless = (async function* () {
      for (;;) {
        await turn();
        yield content(100);
      }
    })();
    expect(await rejectionOf(connection.storageVol.upload(vol, endless))).toMatchObject({ code: "outcome-unknown" });
    expect(await connection.closed).toMatchObject({ code: "protocol" });
  });
});
