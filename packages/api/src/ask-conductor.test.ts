import { handle, openInProcessBus } from "@drover/bus";
import { abortMigration } from "@drover/contracts";
import { type Clock, systemClock } from "@drover/model";
import { expect, test } from "vitest";
import { askConductor } from "./ask-conductor.ts";

const request = { migrationUuid: "0c4fbe0d-90f8-4ca1-b1a0-41a1d9ccf3b1", requestedBy: "olga" };
const context = { requestId: "req-1" };

/** A clock whose sleeps pass at once, and tell how often somebody slept. */
function quickClock(onSleep: (sleeps: number) => Promise<unknown> | undefined): Clock {
  let nowMs = 0;
  let sleeps = 0;
  return {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      sleeps += 1;
      await onSleep(sleeps);
    },
  };
}

test("a conductor that comes late is waited for, and asked once", async () => {
  const bus = openInProcessBus();
  const asked: string[] = [];
  const serve = () =>
    bus.serve({
      topic: "conductor",
      server: "late",
      handlers: [
        handle(abortMigration, async ({ requestedBy }) => {
          asked.push(requestedBy);
          return { answer: "accepted" as const };
        }),
      ],
    });
  const clock = quickClock((sleeps) => (sleeps === 3 ? serve() : undefined));
  expect(await askConductor({ bus, clock }, abortMigration, request, context)).toEqual({ answer: "accepted" });
  expect(asked).toEqual(["olga"]);
  await bus.close();
});

test("no conductor within the wait is agent-unreachable, and any other error is not asked again", async () => {
  const bus = openInProcessBus();
  const clock = quickClock(() => undefined);
  await expect(askConductor({ bus, clock }, abortMigration, request, context)).rejects.toMatchObject({
    code: "agent-unreachable",
  });
  expect(clock.monotonicMs()).toBe(8_000);
  await bus.close();
  await expect(askConductor({ bus, clock: systemClock }, abortMigration, request, context)).rejects.toMatchObject({
    code: "unavailable",
  });
});
