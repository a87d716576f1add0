import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { typedParam } from "../procedures/shared-structures.ts";
import type { Codec } from "./codec.ts";
import { array, optional, struct } from "./composites.ts";
import {
  bool,
  charArray,
  charVector,
  f64,
  i8,
  i32,
  i64,
  opaque,
  string,
  u8,
  u16,
  u32,
  u64,
  uuid,
} from "./primitives.ts";
import { XdrReader } from "./xdr-reader.ts";
import { XdrWriter } from "./xdr-writer.ts";

function encode<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new XdrWriter();
  codec.encode(writer, value);
  return writer.finish();
}

function decode<T>(codec: Codec<T>, bytes: Buffer): T {
  const reader = new XdrReader(bytes);
  const value = codec.decode(reader);
  reader.finish("the test's value");
  return value;
}

const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !value.includes("\0"));
const typedParams: fc.Arbitrary<{ field: string; value: { type: string; value: unknown } }> = fc.record({
  field: text,
  value: fc.oneof(
    fc.record({ type: fc.constant("int"), value: fc.integer() }),
    fc.record({ type: fc.constant("uint"), value: fc.nat({ max: 0xffff_ffff }) }),
    fc.record({ type: fc.constant("llong"), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    fc.record({ type: fc.constant("ullong"), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ type: fc.constant("double"), value: fc.double({ noNaN: true }) }),
    fc.record({ type: fc.constant("boolean"), value: fc.boolean() }),
    fc.record({ type: fc.constant("string"), value: text }),
  ),
});

/** Every codec with values for it. */
const codecs: Readonly<Record<string, [Codec<unknown>, fc.Arbitrary<unknown>]>> = {
  i32: [i32, fc.integer()],
  u32: [u32, fc.nat({ max: 0xffff_ffff })],
  i64: [i64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  u64: [u64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  f64: [f64, fc.double()],
  bool: [bool, fc.boolean()],
  i8: [i8, fc.integer({ min: -128, max: 127 })],
  u8: [u8, fc.nat({ max: 255 })],
  u16: [u16, fc.nat({ max: 65_535 })],
  string: [string(1024), text],
  opaque: [opaque(64), fc.uint8Array({ maxLength: 64 })],
  uuid: [uuid, fc.uuid()],
  charVector: [charVector(32), fc.string({ unit: "grapheme-ascii", maxLength: 31 })],
  charArray: [charArray(32), fc.string({ unit: "grapheme-ascii", maxLength: 32 })],
  array: [array(u32, 20), fc.array(fc.nat(), { maxLength: 20 })],
  optional: [optional(string(1024)), fc.option(text)],
  typedParam: [typedParam, typedParams],
  struct: [
    struct([
      ["name", string(1024)],
      ["id", i32],
      ["list", array(typedParam, 8)],
    ]),
    fc.record({ name: text, id: fc.integer(), list: fc.array(typedParams, { maxLength: 8 }) }),
  ],
};

describe.each(Object.entries(codecs))("%s", (_name, [codec, values]) => {
  test("decodes what it encoded, in whole words", () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(codec, value);
        expect(bytes.length % 4).toBe(0);
        expect(decode(codec, bytes)).toEqual(value);
      }),
    );
  });

  test("fails with `protocol` wherever its bytes are cut off", () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const bytes = encode(codec, value);
        const short = bytes.subarray(0, cut % bytes.length);
        expect(() => decode(codec, short)).toThrow(expect.objectContaining({ code: "protocol" }));
      }),
    );
  });

  test("fails with nothing but `protocol` on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decode(codec, Buffer.from(bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: "protocol", details: { position: expect.any(Number) } });
        }
      }),
    );
  });
});

test("a length beyond its limit is refused before anything is read, with position and limit", () => {
  const bytes = Buffer.from("00000001ffffffff", "hex");
  const codec = struct([
    ["id", i32],
    ["name", string(4096)],
  ]);
  expect(() => decode(codec, bytes)).toThrow(
    expect.objectContaining({ code: "protocol", details: { position: 4, limit: 4096 } }),
  );
});

test("bytes left over are refused: a structure of libvirt's never grows", () => {
  expect(() => decode(i32, Buffer.alloc(8))).toThrow(
    expect.objectContaining({ code: "protocol", details: { position: 4 } }),
  );
});

test.each<[string, Codec<unknown>, unknown]>([
  ["a number too large for int", i32, 2 ** 31],
  ["a fraction", u32, 0.5],
  ["a negative flag word", u32, -1],
  ["a number where a bigint belongs", u64, 5],
  ["a bigint too large for hyper", i64, 2n ** 63n],
  ["a string too long", string(3), "four"],
  ["a string with a NUL", string(30), "a\0b"],
  ["a UUID with a digit missing", uuid, "cecb520b-8b90-4cb8-a502-c9ff48cb23e"],
  ["a list too long", array(i32, 1), [1, 2]],
])("%s is refused as `bad-request` before it is sent", (_what, codec, value) => {
  expect(() => encode(codec, value)).toThrow(expect.objectContaining({ code: "bad-request" }));
});
