import { expect, test } from "vitest";
import { z } from "zod";
import { defineCall } from "./contract.ts";
import { checkTarget, MAX_DEADLINE_MS, openCall } from "./outgoing.ts";

const AMQP_NAME_BYTES = 255;

test.each([
  ["topic", "", undefined],
  ["server", "compute", ""],
  ["topic", "com\npute", "hosta"],
  ["server", "compute", "host\u0000a"],
  ["server", "compute", "h".repeat(194)],
  ["topic", "t".repeat(201), undefined],
  // Two bytes each.
  ["server", "compute", "é".repeat(97)],
])("an address whose %s cannot be one is refused by its name", (field, topic, server) => {
  expect(() => checkTarget(topic, server)).toThrow(
    expect.objectContaining({
      code: "bad-request",
      message: expect.stringContaining(`\`${field}\``),
      details: { field, limitBytes: 200 },
    }),
  );
});

test("the longest address that is taken fits the longest name that is made of it", () => {
  const server = "h".repeat(193);
  expect(() => checkTarget("compute", server)).not.toThrow();
  expect(`compute_fanout_${server}_${"0".repeat(32)}`.length).toBeLessThanOrEqual(AMQP_NAME_BYTES);
});

test("a deadline is the shorter of two, and no longer than a day", () => {
  const nothing = z.object({});
  const common = { topic: "t", method: "m", version: "1.0", idempotent: true, access: "read" } as const;
  const contract = (deadlineMs: number) => defineCall({ ...common, deadlineMs, request: nothing, response: nothing });
  const deadlineOf = (contractMs: number, options: { deadlineMs?: number }) =>
    openCall(contract(contractMs), {}, options).deadlineMs;
  expect(deadlineOf(5_000, {})).toBe(5_000);
  expect(deadlineOf(5_000, { deadlineMs: 10.5 })).toBe(11);
  for (const longMs of [2 ** 31, 2 ** 32, 1e308]) expect(deadlineOf(longMs, {})).toBe(MAX_DEADLINE_MS);
  for (const deadlineMs of [0, -1, Number.NaN]) {
    expect(() => deadlineOf(5_000, { deadlineMs })).toThrow(expect.objectContaining({ code: "bad-request" }));
  }
});
