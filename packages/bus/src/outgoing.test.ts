import { expect, test } from "vitest";
import { checkTarget } from "./outgoing.ts";

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
