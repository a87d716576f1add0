import { protocolError } from "../protocol-error.ts";
import { type Codec, doesNotFit } from "./codec.ts";

function wholeNumber(value: number, minimum: number, maximum: number): number {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw doesNotFit(value, `a whole number from ${minimum} to ${maximum}`);
  }
  return value;
}

function wholeBigint(value: bigint, minimum: bigint, maximum: bigint): bigint {
  if (typeof value !== "bigint" || value < minimum || value > maximum) {
    throw doesNotFit(value, `a bigint from ${minimum} to ${maximum}`);
  }
  return value;
}

/** XDR `int`. */
export const i32: Codec<number> = {
  encode: (writer, value) => writer.i32(wholeNumber(value, -0x8000_0000, 0x7fff_ffff)),
  decode: (reader) => reader.i32(),
};

/** XDR `unsigned int`; libvirt's flag words. */
export const u32: Codec<number> = {
  encode: (writer, value) => writer.u32(wholeNumber(value, 0, 0xffff_ffff)),
  decode: (reader) => reader.u32(),
};

/** XDR `hyper`. A bigint: 64-bit values stay so until someone has shown that they fit a number. */
export const i64: Codec<bigint> = {
  encode: (writer, value) => writer.i64(wholeBigint(value, -(2n ** 63n), 2n ** 63n - 1n)),
  decode: (reader) => reader.i64(),
};

/** XDR `unsigned hyper`. */
export const u64: Codec<bigint> = {
  encode: (writer, value) => writer.u64(wholeBigint(value, 0n, 2n ** 64n - 1n)),
  decode: (reader) => reader.u64(),
};

/**
 * A number as the bigint that a 64-bit field wants.
 *
 * @throws {DroverError} `bad-request` for a fraction or a negative number, where `BigInt` would throw what nobody expects.
 */
export function unsignedBigint(value: number | bigint): bigint {
  if (typeof value === "bigint") return value;
  return BigInt(wholeNumber(value, 0, Number.MAX_SAFE_INTEGER));
}

/** XDR `double`. */
export const f64: Codec<number> = {
  encode: (writer, value) => writer.f64(value),
  decode: (reader) => reader.f64(),
};

/** An XDR `int` that libvirt uses as a truth value: 0 is false, everything else true. */
export const bool: Codec<boolean> = {
  encode: (writer, value) => writer.i32(value ? 1 : 0),
  decode: (reader) => reader.i32() !== 0,
};

function small(minimum: number, maximum: number): Codec<number> {
  return {
    encode: (writer, value) => writer.i32(wholeNumber(value, minimum, maximum)),
    decode(reader) {
      const position = reader.position;
      const value = reader.i32();
      if (value < minimum || value > maximum) {
        throw protocolError(`${value} is outside ${minimum} to ${maximum}`, position, maximum);
      }
      return value;
    },
  };
}

/** XDR `char`, `unsigned char` and `unsigned short`: a whole word each on the wire. */
export const i8: Codec<number> = small(-0x80, 0x7f);
export const u8: Codec<number> = small(0, 0xff);
export const u16: Codec<number> = small(0, 0xffff);

const utf8 = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** XDR `string<limit>`: length word, UTF-8 bytes, padding. `limit` counts bytes. */
export function string(limit: number): Codec<string> {
  return {
    encode(writer, value) {
      const bytes = Buffer.from(value, "utf8");
      if (bytes.length > limit) throw doesNotFit(`a string of ${bytes.length} bytes`, `at most ${limit} bytes long`);
      if (bytes.includes(0)) throw doesNotFit("a string with a NUL character", "a C string");
      writer.u32(bytes.length);
      writer.bytes(bytes);
    },
    // Names and XML are UTF-8, but a guest's error text may be anything: replaced characters beat a lost connection.
    decode: (reader) => utf8.decode(reader.bytes(reader.length(limit, "a string"), "a string")),
  };
}

/** XDR `opaque<limit>`: length word, bytes, padding. Decodes to a copy, so that a small value cannot pin a big frame. */
export function opaque(limit: number): Codec<Uint8Array> {
  return {
    encode(writer, value) {
      if (value.length > limit) throw doesNotFit(`${value.length} opaque bytes`, `at most ${limit} bytes`);
      writer.u32(value.length);
      writer.bytes(value);
    },
    decode: (reader) => Uint8Array.from(reader.bytes(reader.length(limit, "opaque bytes"), "opaque bytes")),
  };
}

/** XDR `opaque[16]` as the UUID libvirt means by it, in the usual form with dashes. */
export const uuid: Codec<string> = {
  encode(writer, value) {
    const hex = value.replaceAll("-", "");
    if (!/^[0-9a-f]{32}$/i.test(hex)) throw doesNotFit(value, "a UUID");
    writer.bytes(Buffer.from(hex, "hex"));
  },
  decode(reader) {
    const hex = reader.bytes(16, "a UUID").toString("hex");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
};

function readChars(bytes: readonly number[]): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.slice(0, end)).toString("utf8");
}

/** A C `char name[size]` in libvirt's structures: XDR widens every character to a word, so 32 of them take 128 bytes. */
export function charVector(size: number): Codec<string> {
  return {
    encode(writer, value) {
      const bytes = Buffer.from(value, "utf8");
      if (bytes.length >= size) throw doesNotFit(value, `shorter than ${size} bytes`);
      for (let index = 0; index < size; index++) writer.i32(bytes[index] ?? 0);
    },
    decode(reader) {
      return readChars(Array.from({ length: size }, () => reader.i32() & 0xff));
    },
  };
}

/** A C `char name<limit>`: a counted array of characters, a word each. */
export function charArray(limit: number): Codec<string> {
  return {
    encode(writer, value) {
      const bytes = Buffer.from(value, "utf8");
      if (bytes.length > limit) throw doesNotFit(value, `at most ${limit} bytes`);
      writer.u32(bytes.length);
      for (const byte of bytes) writer.i32(byte);
    },
    decode(reader) {
      return readChars(Array.from({ length: reader.length(limit, "characters") }, () => reader.i32() & 0xff));
    },
  };
}
