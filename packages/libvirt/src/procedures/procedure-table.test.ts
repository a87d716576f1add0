import fc from "fast-check";
import { expect, test } from "vitest";
import { XdrReader } from "../xdr/xdr-reader.ts";
import { eventMessages } from "./event-messages.ts";
import { type ProcedureName, procedureName, procedures } from "./procedure-table.ts";

const names = Object.keys(procedures) as ProcedureName[];

test("no two procedures or events share a number", () => {
  const numbers = [...Object.values(procedures), ...Object.values(eventMessages)].map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const name of names) expect(procedureName(procedures[name].number)).toBe(name);
});

test("a lost answer to any call that acts on a guest or storage is in doubt", () => {
  const acts = /Create|Define|Undefine|Suspend|Resume|Destroy|Shutdown|Abort|Perform|Start|Set(Max|Meta|Speed)|Delete/;
  for (const name of names) {
    if (acts.test(name) && !/^connect/.test(name)) expect([name, procedures[name].changes]).toEqual([name, true]);
    if (/Get|Lookup|List/.test(name)) expect([name, procedures[name].changes]).toEqual([name, false]);
  }
});

test.each(names)("%s fails with nothing but `protocol` on any bytes", (name) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
      for (const codec of [procedures[name].args, procedures[name].ret]) {
        try {
          codec.decode(new XdrReader(Buffer.from(bytes)));
        } catch (error) {
          expect(error).toMatchObject({ code: "protocol" });
        }
      }
    }),
    { numRuns: 40 },
  );
});
