import { protocolError } from "../protocol-error.ts";
import { type Codec, doesNotFit, type Infer } from "./codec.ts";

type Field = readonly [name: string, codec: Codec<unknown>];

/** The object a list of fields stands for. */
export type StructOf<Fields extends readonly Field[]> = {
  readonly [Entry in Fields[number] as Entry[0]]: Infer<Entry[1]>;
};

/**
 * A structure: its fields one after the other. `struct([["dom", domain], ["flags", u32]])` gives encode and decode, and
 * the type `{ dom: Domain; flags: number }`, from the one list.
 */
export function struct<const Fields extends readonly Field[]>(fields: Fields): Codec<StructOf<Fields>> {
  return {
    encode(writer, value) {
      const entries = new Map<string, unknown>(Object.entries(value));
      for (const [name, codec] of fields) codec.encode(writer, entries.get(name));
    },
    decode(reader) {
      const entries = fields.map(([name, codec]) => [name, codec.decode(reader)]);
      return Object.fromEntries(entries) as StructOf<Fields>;
    },
  };
}

/** No fields at all: what a procedure without arguments or result carries. */
export const none: Codec<Readonly<Record<never, never>>> = struct([]);

/** `element<limit>`: a count word, then that many elements. */
export function array<T>(element: Codec<T>, limit: number): Codec<readonly T[]> {
  return {
    encode(writer, value) {
      if (value.length > limit) throw doesNotFit(`a list of ${value.length}`, `at most ${limit} entries long`);
      writer.u32(value.length);
      for (const entry of value) element.encode(writer, entry);
    },
    decode(reader) {
      const length = reader.length(limit, "a list");
      const entries: T[] = [];
      // Grown entry by entry: a huge count in a short frame fails at the frame's end, not at the allocation.
      for (let index = 0; index < length; index++) entries.push(element.decode(reader));
      return entries;
    },
  };
}

/** XDR's pointer: a word that says whether the value follows. `null` is libvirt's NULL. */
export function optional<T>(codec: Codec<T>): Codec<T | null> {
  return {
    encode(writer, value) {
      writer.u32(value === null || value === undefined ? 0 : 1);
      if (value !== null && value !== undefined) codec.encode(writer, value);
    },
    decode(reader) {
      const position = reader.position;
      const present = reader.u32();
      if (present > 1) throw protocolError(`${present} does not say whether a value follows`, position, 1);
      return present === 1 ? codec.decode(reader) : null;
    },
  };
}

type Arms = Readonly<Record<string, readonly [tag: number, codec: Codec<unknown>]>>;

/** One arm of a union: its name as `type`, its value as `value`. */
export type UnionOf<A extends Arms> = {
  readonly [Name in keyof A]: { readonly type: Name; readonly value: Infer<A[Name][1]> };
}[keyof A];

/** `union switch (int)`: a tag word, then the value of that arm. `union({ int: [1, i32], … })`. */
export function union<const A extends Arms>(arms: A): Codec<UnionOf<A>> {
  const byTag = new Map(Object.entries(arms).map(([name, [tag, codec]]) => [tag, { name, codec }]));
  return {
    encode(writer, value) {
      const arm = arms[String(value.type)];
      if (arm === undefined) throw doesNotFit(value.type, `one of ${Object.keys(arms).join(", ")}`);
      writer.i32(arm[0]);
      arm[1].encode(writer, value.value);
    },
    decode(reader) {
      const position = reader.position;
      const tag = reader.i32();
      const arm = byTag.get(tag);
      if (arm === undefined) throw protocolError(`no value has the type ${tag}`, position);
      return { type: arm.name, value: arm.codec.decode(reader) } as UnionOf<A>;
    },
  };
}
