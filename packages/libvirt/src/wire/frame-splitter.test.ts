import fc from "fast-check";
import { expect, test } from "vitest";
import { text } from "../procedures/shared-structures.ts";
import { FrameSplitter } from "./frame-splitter.ts";
import { decodeBody, encodeFrame, type Frame, REMOTE_PROGRAM } from "./message.ts";

const header = { program: REMOTE_PROGRAM, version: 1, procedure: 59, type: 1, serial: 7, status: 0 };

function drain(splitter: FrameSplitter): Frame[] {
  const frames: Frame[] = [];
  for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) frames.push(frame);
  return frames;
}

/** A frame's first bytes: its length, then the header above. */
function words(length: number, ...rest: number[]): Buffer {
  const buffer = Buffer.alloc(4 + rest.length * 4);
  buffer.writeUInt32BE(length, 0);
  rest.forEach((word, index) => void buffer.writeUInt32BE(word, 4 + index * 4));
  return buffer;
}

test("frames come out whole and in order however the stream is cut", () => {
  const name = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 60 })), (names, cuts) => {
      const stream = Buffer.concat(names.map((value, serial) => encodeFrame({ ...header, serial }, text, value)));
      const splitter = new FrameSplitter();
      const frames: Frame[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        splitter.push(stream.subarray(at, at + cut));
        at += cut;
        frames.push(...drain(splitter));
      }
      splitter.end();
      expect(frames.map((frame) => decodeBody(frame, text, "a name"))).toEqual(names);
      expect(frames.map((frame) => frame.header.serial)).toEqual(names.map((_, serial) => serial));
    }),
  );
});

test.each([
  ["too short for a header", words(27), { position: 0, limit: 28 }],
  ["longer than the limit", words(2048), { position: 0, limit: 1024 }],
  ["of another version", words(28, REMOTE_PROGRAM, 2, 59, 1, 7, 0), { position: 8, limit: 1 }],
  ["of no known type", words(28, REMOTE_PROGRAM, 1, 59, 7, 7, 0), { position: 16, limit: 6 }],
  ["of no known status", words(28, REMOTE_PROGRAM, 1, 59, 1, 7, 3), { position: 24, limit: 2 }],
])("a frame %s is refused with position and limit", (_what, bytes, details) => {
  const splitter = new FrameSplitter(1024);
  splitter.push(bytes);
  expect(() => splitter.next()).toThrow(expect.objectContaining({ code: "protocol", details }));
});

test("an oversized frame is refused on its length word alone, before any of it is kept", () => {
  const splitter = new FrameSplitter();
  splitter.push(words(0xffff_ffff));
  expect(() => splitter.next()).toThrow(expect.objectContaining({ details: { position: 0, limit: 33_554_436 } }));
});

test("a stream that ends inside a frame says how far it got", () => {
  const splitter = new FrameSplitter();
  splitter.push(encodeFrame(header, text, "host-1").subarray(0, 30));
  expect(splitter.next()).toBeUndefined();
  expect(() => splitter.end()).toThrow(
    expect.objectContaining({ code: "protocol", details: { position: 30, limit: 40 } }),
  );
});
