import { expect, it } from "vitest";
import { sharedReading } from "./shared-reading.ts";

it("gives nobody what was read before the question, and one reading to all who waited", async () => {
  const begun: PromiseWithResolvers<string>[] = [];
  const read = sharedReading(() => {
    const reading = Promise.withResolvers<string>();
    begun.push(reading);
    return reading.promise;
  });
  const first = read();
  await expect.poll(() => begun.length).toBe(1);
  const others = [read(), read(), read()];
  begun[0]?.resolve("first");
  expect(await first).toBe("first");
  await expect.poll(() => begun.length).toBe(2);
  begun[1]?.reject(new Error("the database is away"));
  for (const other of await Promise.allSettled(others)) expect(other).toMatchObject({ status: "rejected" });
  const last = read();
  await expect.poll(() => begun.length).toBe(3);
  begun[2]?.resolve("last");
  expect(await last).toBe("last");
});
