/** The broker dies while real guests are being copied. What was asked for meanwhile happens, and happens once. */
import { ApiError, type MigrationDetail } from "@drover/api-client";
import { systemClock } from "@drover/model";
import { type LabGuest, waitFor, watchStandstill } from "@drover/testkit";
import { expect, it } from "vitest";
import { isOver, isWatched } from "../integration/watching.ts";
import { holdRecords } from "./held-records.ts";
import type { LabPlane } from "./lab-plane.ts";
import { type LibvirtEvents, watchLibvirtEvents } from "./libvirt-events.ts";
import { STEADY } from "./use-lab-plane.ts";

/** Never ends by itself, and leaves the machine's processors to others for a part. */
const RESTLESS = { memoryMiB: 192, workingSetMiB: 64, dirtyMiBps: 60, verifyMiBps: 48 };

/** The broker is away for at least so long. */
const AWAY_MS = 5_000;

/** 3 to 9 s were measured: reconnecting, one after the other, takes most of it. */
const OUTCOME_WITHIN_MS = 60_000;

/** What an overloaded machine adds when a standstill is measured from outside. */
const MEASURED_LATE_MS = 250;

/** It is killed first, and people ask while it is away. */
export function requestsDuringAnOutage(planeOf: () => LabPlane): void {
  it("its broker is killed while it is copied: it arrives; an abort and a force-complete asked for meanwhile take effect once", {
    timeout: 300_000,
  }, async () => {
    const plane = planeOf();
    const [steady, aborted, forced] = await startGuests(
      plane,
      ["kept-going", STEADY],
      ["called-off", RESTLESS],
      ["hurried", RESTLESS],
    );
    await using atSource = await watchLibvirtEvents(plane.source);
    await using atDestination = await watchLibvirtEvents(plane.destination);
    const events = { atSource, atDestination };
    using standstill = watchStandstill(steady, plane.source, plane.destination);
    const [abortId, forceId] = [await startCopy(plane, aborted), await startCopy(plane, forced)];
    const steadyId = await startCopy(plane, steady);

    await plane.broker.kill9();
    const killedMs = performance.now();
    await waitFor("the API to miss its broker", async () => (await plane.drover.api.readiness()).status === 503);
    const asked = Promise.all([
      askAsAUser(plane, abortId, "abort", () => plane.client.abort(abortId)),
      askAsAUser(plane, forceId, "force-complete", () => plane.client.forceComplete(forceId)),
    ]);
    asked.catch(() => undefined);
    // It arrives while nobody can be told.
    await steady.waitForCounter(1, { host: plane.destination });
    const backMs = await bringBack(plane, killedMs);
    await asked;

    const ended = await outcomes(plane, backMs, { steadyId, abortId, forceId });
    expect(ended.steadyId.migration).toMatchObject({ status: "completed", failure: null });
    const numbers = ended.steadyId.migration.progress;
    expect(numbers).toMatchObject({ source: "record", phase: "completed", downtimeMs: expect.any(Number) });
    // Not longer than libvirt needed to switch over.
    const { standstillMs } = await standstill.result();
    expect(standstillMs).toBeLessThan((numbers?.downtimeMs ?? 0) + MEASURED_LATE_MS);
    await Promise.all([
      steady.waitForFullCheck(plane.destination).then(({ badPages }) => expect(badPages).toBe(0)),
      expectAbortedOnce(plane, aborted, ended.abortId, events),
      expectForcedOnce(plane, forced, ended.forceId, events),
    ]);
  });
}

/** It is killed when a request is in the record, and its command not yet on its way. */
export function requestsBeforeAnOutage(planeOf: () => LabPlane): void {
  it("its broker is killed between the record of a request and its command: the command reaches the agent later, once", {
    timeout: 300_000,
  }, async () => {
    const plane = planeOf();
    const [aborted, forced] = await startGuests(plane, ["recorded-abort", RESTLESS], ["recorded-force", RESTLESS]);
    await using atSource = await watchLibvirtEvents(plane.source);
    await using atDestination = await watchLibvirtEvents(plane.destination);
    const events = { atSource, atDestination };
    const [abortId, forceId] = [await startCopy(plane, aborted), await startCopy(plane, forced)];

    const held = await holdRecords(plane, [abortId, forceId]);
    const asked = Promise.allSettled([plane.client.abort(abortId), plane.client.forceComplete(forceId)]);
    await held.untilWriting("abort_requested_at");
    await held.untilWriting("force_complete_requested_at");
    await plane.broker.kill9();
    const killedMs = performance.now();
    await held.release();
    for (const id of [abortId, forceId]) {
      await plane.untilMigration(id, "one with a request", (migration) => {
        return (migration.abortRequestedAt ?? migration.forceCompleteRequestedAt) !== null;
      });
    }
    const backMs = await bringBack(plane, killedMs);

    const ended = await outcomes(plane, backMs, { abortId, forceId });
    await asked;
    await Promise.all([
      expectAbortedOnce(plane, aborted, ended.abortId, events),
      expectForcedOnce(plane, forced, ended.forceId, events),
    ]);
  });
}

type GuestOf = readonly [name: string, spec: typeof STEADY];

async function startGuests<const Specs extends readonly GuestOf[]>(
  plane: LabPlane,
  ...specs: Specs
): Promise<{ [Index in keyof Specs]: LabGuest }> {
  const guests = await Promise.all(specs.map(([name, spec]) => plane.source.startGuest({ name, ...spec })));
  for (const { name } of guests) await plane.untilServerIsOn(name, plane.source);
  return guests as { [Index in keyof Specs]: LabGuest };
}

/** Resolves when libvirt copies it. */
async function startCopy(plane: LabPlane, guest: LabGuest): Promise<number> {
  const { migration } = await plane.client.migrate(guest.name);
  await plane.untilMigration(migration.id, "watched", isWatched);
  return migration.id;
}

/** Asks again, as a person would, where the answer is that it could not be passed on; and nothing is recorded then. */
async function askAsAUser(
  plane: LabPlane,
  id: number,
  kind: "abort" | "force-complete",
  ask: () => Promise<unknown>,
): Promise<void> {
  for (let refusals = 0; ; refusals += 1) {
    try {
      await ask();
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || refusals >= 20) throw error;
      // The broker is away; or it is back, and the conductor is not yet.
      expect(error).toMatchObject({ status: 503, message: expect.stringMatching(/broker|nobody serves/) });
      const { log } = await plane.client.migration(id);
      expect(eventsIn(log, `${kind} requested`)).toBe(0);
      await systemClock.sleep(250);
    }
  }
}

/** Starts the broker again once it was away long enough; resolves with the time since which it is there. */
async function bringBack(plane: LabPlane, killedMs: number): Promise<number> {
  await systemClock.sleep(Math.max(0, AWAY_MS - (performance.now() - killedMs)));
  await plane.broker.start();
  return performance.now();
}

/** All of them over, and not long after the broker was back. */
async function outcomes<Name extends string>(plane: LabPlane, backMs: number, ids: Readonly<Record<Name, number>>) {
  const entries = Object.entries(ids) as [Name, number][];
  const ended = await Promise.all(
    entries.map(async ([name, id]) => {
      await plane.untilMigration(id, "over", isOver);
      expect(performance.now() - backMs, name).toBeLessThan(OUTCOME_WITHIN_MS);
      return [name, await plane.client.migration(id)] as const;
    }),
  );
  return Object.fromEntries(ended) as Record<Name, MigrationDetail>;
}

async function expectAbortedOnce(
  plane: LabPlane,
  guest: LabGuest,
  { migration, log }: MigrationDetail,
  events: BothEvents,
): Promise<void> {
  expect(migration).toMatchObject({ status: "cancelled", failure: null, reason: "aborted on request of admin" });
  expect(eventsIn(log, "abort requested")).toBe(1);
  expect(eventsIn(log, "abort-sent")).toBe(1);
  expect(eventsIn(log, "outcome: stayed")).toBe(1);
  expect(answersOf(plane, migration.uuid)).toEqual(["started", "abort-sent"]);
  expect(countOf(events.atDestination, guest, "Stopped")).toBe(1);
  expect((await guest.waitForFullCheck(plane.source)).badPages).toBe(0);
  expect(await plane.destination.virsh("list", "--all", "--name")).not.toContain(guest.name);
  await plane.source.virsh("destroy", guest.name);
}

async function expectForcedOnce(
  plane: LabPlane,
  guest: LabGuest,
  { migration, log }: MigrationDetail,
  events: BothEvents,
): Promise<void> {
  expect(migration).toMatchObject({ status: "completed", failure: null });
  expect(eventsIn(log, "force-complete requested")).toBe(1);
  expect(eventsIn(log, "force-complete-sent")).toBe(1);
  expect(eventsIn(log, "outcome: arrived")).toBe(1);
  expect(answersOf(plane, migration.uuid)).toEqual(["started", "force-complete-sent"]);
  expect(countOf(events.atSource, guest, "Suspended")).toBe(1);
  expect((await guest.waitForFullCheck(plane.destination)).badPages).toBe(0);
  await plane.destination.virsh("destroy", guest.name);
}

interface BothEvents {
  readonly atSource: LibvirtEvents;
  readonly atDestination: LibvirtEvents;
}

function countOf(events: LibvirtEvents, guest: LabGuest, change: string): number {
  return events.of(guest.name).filter((line) => line.includes(`'lifecycle'`) && line.includes(change)).length;
}

function eventsIn(log: MigrationDetail["log"], event: string): number {
  return log.filter((line) => line.event === event).length;
}

/** What the source's agent answered about the migration, from its own log; not what its policy decided by itself. */
function answersOf(plane: LabPlane, migrationUuid: string): readonly string[] {
  const [agent] = plane.drover.agents;
  const lines = (agent?.log() ?? "").split("\n").filter((line) => line.includes("migration event"));
  return lines
    .map((line): { readonly migrationId: string; readonly event: string } => JSON.parse(line))
    .filter(({ migrationId, event }) => migrationId === migrationUuid && event !== "decision")
    .map(({ event }) => event);
}
