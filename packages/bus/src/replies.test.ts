import { expect, test } from "vitest";
import type { BrokerSession } from "./broker-link.ts";
import { MAX_DEADLINE_MS } from "./outgoing.ts";
import { recordingLogger } from "./recording-logger.test.support.ts";
import { Replies } from "./replies.ts";
import { settled, TestClock } from "./test-clock.test.support.ts";

const session: BrokerSession = { lost: new AbortController().signal, fail: () => {}, close: async () => {} };

/** A server's replies while the broker is away, and what brings it back. */
function repliesWhileAway() {
  const logger = recordingLogger();
  const connected = Promise.withResolvers<BrokerSession>();
  const written: number[] = [];
  const clock = new TestClock();
  const replies = new Replies({
    link: { present: undefined, session: () => connected.promise },
    write: async (_: BrokerSession, { body }: { readonly body: Uint8Array }) => {
      written.push(body.length);
    },
    logger,
    clock,
  });
  return { replies, clock, connect: () => connected.resolve(session), written, lines: logger.lines };
}

const MIB = 1024 * 1024;

test("replies that wait for a broker take 64 MiB at most, and room that was taken is given back", async () => {
  const { replies, connect, written, lines } = repliesWhileAway();
  const body = new Uint8Array(8 * MIB);
  for (let count = 0; count < 10; count += 1) replies.send({ body }, 1_000);
  expect(lines.map(({ level }) => level)).toEqual(["warn", "warn", "warn"]);
  connect();
  await replies.flushed();
  expect(written).toHaveLength(7);
  replies.send({ body }, 1_000);
  await settled();
  expect(written).toHaveLength(8);
  expect(lines).toHaveLength(3);
});

test("small replies count for more than their bytes", () => {
  const { replies, lines } = repliesWhileAway();
  for (let count = 0; count < 70_000; count += 1) replies.send({ body: new Uint8Array(1) }, 1_000);
  expect(lines.length).toBeGreaterThan(0);
});

test("a reply waits as long as its caller, a day at most", () => {
  const { replies } = repliesWhileAway();
  expect(replies.dueMs(5_000)).toBe(5_000);
  expect(replies.dueMs(undefined)).toBe(60_000);
  expect(replies.dueMs(1e308)).toBe(MAX_DEADLINE_MS);
});
