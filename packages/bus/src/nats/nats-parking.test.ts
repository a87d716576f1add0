import { systemClock } from "@drover/model";
import { expect, test } from "vitest";
import { parkedRecord, readParkedRecord } from "../parked.ts";
import { storedForm } from "./nats-parking.ts";

const record = parkedRecord(
  {
    queue: "compute.hosta",
    server: "hosta",
    body: Buffer.alloc(300_000),
    reason: { code: "internal", message: "it failed", details: {} },
    tries: 5,
  },
  systemClock,
);

test("a record has its body where the server takes a message of that size, and is kept without it elsewhere", () => {
  const size = JSON.stringify(record).length;
  expect(readParkedRecord(storedForm(record, 1024 * 1024))).toEqual(record);
  // Its headers want their place too.
  for (const limit of [size + 100, 64 * 1024]) {
    const stored = storedForm(record, limit);
    expect(stored.length).toBeLessThan(limit);
    expect(readParkedRecord(stored)).toEqual({ ...record, body: null });
  }
});
