import { silentLogger } from "@drover/model";
import { expect, test } from "vitest";
import { RequestRunner } from "../request-runner.ts";
import { settled, TestClock } from "../test-clock.test.support.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { CastIntake } from "./cast-intake.ts";
import { deliveredMessage } from "./delivered-message.test.support.ts";

/** Takes casts over a connection on which nothing can be parked. */
function intakeThatCannotPark() {
  const clock = new TestClock();
  const lost = new AbortController();
  const trust = { ownUser: "drover", trustedUsers: [] };
  const runner = new RequestRunner({ handlers: [], maxInFlight: 1, trust, logger: silentLogger, clock });
  const sender = { user: null, throughExchange: false };
  const intake = new CastIntake({
    server: "hosta",
    fanoutQueue: "topic_fanout_hosta",
    runner,
    originOf: () => ({ sender, lostTries: 0 }),
    logger: silentLogger,
    clock,
  });
  let tries = 0;
  const session = {
    lost: lost.signal,
    publish: async () => {
      tries += 1;
      throw new Error("the channel is gone");
    },
    scratch: async () => {
      throw new Error("the channel is gone");
    },
  };
  const settlements: string[] = [];
  const acknowledgements = new Acknowledgements({
    ack: () => void settlements.push("ack"),
    nack: () => void settlements.push("nack"),
  });
  const incoming = { queue: "topic.hosta", message: deliveredMessage(1, Buffer.from("no")), session, acknowledgements };
  intake.reject(incoming, new Error("no request"));
  return { intake, clock, lose: () => lost.abort(), tries: () => tries, settlements };
}

test("while a message cannot be parked that is tried again, as long as its connection is there", async () => {
  const { clock, lose, tries } = intakeThatCannotPark();
  await clock.pass(3_500);
  expect(tries()).toBe(4);
  lose();
  await clock.pass(60_000);
  expect(tries()).toBe(4);
  expect(clock.sleeping).toBe(0);
});

test("a message that could not be parked goes back to its queue when its server closes", async () => {
  const { intake, clock, settlements } = intakeThatCannotPark();
  await clock.pass(500);
  await intake.finish();
  await settled();
  expect(settlements).toEqual(["nack"]);
});
