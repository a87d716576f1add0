import { DroverError } from "@drover/model";
import type { XdrReader } from "./xdr-reader.ts";
import type { XdrWriter } from "./xdr-writer.ts";

/**
 * One definition that both encodes and decodes a value. `decode` throws `protocol` on bytes it cannot trust, `encode`
 * throws `bad-request` on a value that does not fit its wire type: nothing has been sent then.
 */
export interface Codec<T> {
  encode(writer: XdrWriter, value: T): void;
  decode(reader: XdrReader): T;
}

/** The value type of a codec: `Infer<typeof domain>`. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** The failure of an encoder: names the value and what it should have been. */
export function doesNotFit(value: unknown, wanted: string): DroverError {
  return new DroverError("bad-request", `encoding a libvirt call: ${String(value)} is not ${wanted}`, {
    details: { value: String(value), wanted },
  });
}
