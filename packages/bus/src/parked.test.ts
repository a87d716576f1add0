import { expect, test } from "vitest";
import { MAX_BODY_BYTES } from "./envelope.ts";
import { MAX_PARKED_BODY_BYTES, parkedBody, parkedMessage, parkedRecord, readParkedRecord } from "./parked.ts";
import { TestClock } from "./test-clock.test.support.ts";

const NATS_DEFAULT_MAX_PAYLOAD = 1024 * 1024;
const place = { queue: "t.hosta", server: "hosta", tries: 1 };
const request = { method: "m", args: {}, version: "1.0", uniqueId: "u", context: { request_id: "req-1" } };
const reason = { code: "libvirt", message: "no", details: { field: "a" } } as const;

function record(change: Partial<Parameters<typeof parkedRecord>[0]> = {}) {
  return parkedRecord({ ...place, body: Buffer.from("body"), request, reason, ...change }, new TestClock());
}

test("a record is read back as it was written, with its body", () => {
  const written = record();
  const read = readParkedRecord(Buffer.from(JSON.stringify(written)));
  expect(read).toEqual(written);
  expect(parkedBody(written).toString()).toBe("body");
  expect(parkedMessage(written)).toMatchObject({ method: "m", requestId: "req-1", reason });
  expect(parkedMessage(written)).not.toHaveProperty("body");
});

test("a record that was written before sizes were has its body's", () => {
  const { sizeBytes: _, ...before } = record();
  expect(readParkedRecord(Buffer.from(JSON.stringify(before)))).toMatchObject({ sizeBytes: 4 });
});

test("a reason that JSON cannot carry is parked without its details", () => {
  const cycle: Record<string, unknown> = {};
  cycle.itself = cycle;
  for (const details of [{ size: 5n }, cycle]) {
    const written = record({ reason: { ...reason, details } });
    expect(readParkedRecord(Buffer.from(JSON.stringify(written)))?.reason).toEqual({ ...reason, details: {} });
  }
});

test("a body too large to keep is parked without it, and sending it again is refused", () => {
  expect(parkedBody(record({ body: Buffer.alloc(MAX_PARKED_BODY_BYTES) }))).toHaveLength(MAX_PARKED_BODY_BYTES);
  const written = record({ body: Buffer.alloc(MAX_BODY_BYTES) });
  const read = readParkedRecord(Buffer.from(JSON.stringify(written)));
  expect(read).toMatchObject({ body: null, sizeBytes: MAX_BODY_BYTES, method: "m" });
  expect(() => parkedBody(written)).toThrow(
    expect.objectContaining({ code: "refused", message: expect.stringContaining(`${MAX_BODY_BYTES} bytes`) }),
  );
});

test("whatever is parked fits a NATS server as it is installed", () => {
  const long = "\u0001".repeat(MAX_BODY_BYTES);
  const written = record({
    body: Buffer.alloc(MAX_PARKED_BODY_BYTES),
    request: { ...request, method: long, context: { request_id: long } },
    reason: { code: "internal", message: long, details: { long } },
  });
  expect(JSON.stringify(written).length).toBeLessThan(NATS_DEFAULT_MAX_PAYLOAD);
  expect(written.reason.message).toMatch(/shortened\)$/);
});
