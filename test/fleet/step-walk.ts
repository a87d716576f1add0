/** The walk: leads one migration along a course while one thing goes wrong, and looks at what it leaves behind. */
import type { MigrationView } from "@drover/api-client";
import { liveMigrateOutline } from "@drover/conductor";
import { checkCanLiveMigrateSource, findGuest } from "@drover/contracts";
import { hurriedClock } from "@drover/libvirt-sim";
import { expect } from "vitest";
import { isOver, isWatched, untilMigration } from "../integration/watching.ts";
import { expectSettled } from "./settlement-contract.ts";
import { configDriveOf, HOSTS, localDiskOf, type SimulatedPlane, startSimulatedPlane } from "./simulated-plane.ts";
import type { Course } from "./step-courses.ts";
import { endingOf, type RequestTrouble, timesOf } from "./step-troubles.ts";
import type { StepRequest } from "./walked-steps.ts";

/** Pauses of seconds take tenths of them; the shortest limit among the services is a lease of 10 s. */
const HURRY = 10;

/** One request of a step goes wrong. `step` is the one that fails if that makes one fail. */
export async function walkWithTrouble(step: string, request: StepRequest, trouble: RequestTrouble): Promise<void> {
  await using plane = await startPlane(request.course);
  const armed = plane.bus.onRequest(request.contract, trouble.fault, timesOf(trouble, request));
  const migration = await lead(plane, request.course);
  const ending = endingOf(trouble, request, step);
  await untilMigration(plane.client, migration.id, "over", isOver);
  expect(armed.met, "requests that went wrong").toBeGreaterThan(0);
  armed.disarm();
  await armed.arrive();
  await untilAgentsAreIdle(plane, migration);
  await expectEnding(plane, migration, ending);
}

/** The conductor dies at one of its writes, and another takes its place. */
export async function walkWithCrash(course: Course, event: string, when: "before" | "after"): Promise<void> {
  await using plane = await startPlane(course);
  const crash = plane.conductorStore.crashAt(event, when);
  const leading = lead(plane, course);
  await Promise.race([crash.happened, leading.then(() => crash.happened)]);
  await plane.stopConductor();
  await plane.startConductor();
  await expectEnding(plane, await leading, course);
}

async function startPlane({ conductor = {}, guest, before }: Course): Promise<SimulatedPlane> {
  const plane = await startSimulatedPlane({ clock: hurriedClock(HURRY), conductor });
  await plane.addGuest({ name: "web", dirtyMiBps: 1, ...disksOf("web"), ...guest });
  before?.(plane);
  return plane;
}

/** One that is copied with the guest, and one whose content must be there before it. */
function disksOf(guest: string) {
  return { localDisks: [localDiskOf(guest)], readOnlyDisk: configDriveOf(guest) };
}

async function lead(plane: SimulatedPlane, { policy, during }: Course): Promise<MigrationView> {
  const { migration } = await plane.client.migrate("web", { host: "beta", ...(policy && { policy }) });
  if (during === undefined) return migration;
  const copying = await untilMigration(plane.client, migration.id, "copying", isWatched);
  await during(plane, migration.id);
  return copying;
}

/** What was cast to the agents before this has been taken by them: calls and casts to one wait in one queue. */
async function untilAgentsAreIdle({ bus }: SimulatedPlane, { uuid, server }: MigrationView): Promise<void> {
  const about = { migrationUuid: uuid, serverUuid: server.uuid };
  const question = { ...about, serverName: server.name, blockMigration: null };
  await Promise.all(
    HOSTS.flatMap((host) => [
      bus.call(findGuest, about, { server: host }),
      bus.call(checkCanLiveMigrateSource, question, { server: host }),
    ]),
  );
}

/** The leak check, and by the log that every step or every undo had its turn, in its order. */
async function expectEnding(plane: SimulatedPlane, migration: MigrationView, ending: Course): Promise<void> {
  // A slow link was for this one migration; the one that shows that the guest can be moved again need not be.
  plane.fleet.faults.setLinkBandwidth("alpha", "beta", 300);
  const ended = await expectSettled(plane, migration, ending);
  const events = (await plane.store.migrations.readLog(ended.uuid)).map(({ event }) => event);
  const turns = turnsOf(ending);
  const last = turns.map((event) => events.lastIndexOf(event));
  expect(last, `the order of ${turns.join(", ")} in ${events.join(", ")}`).toEqual(last.toSorted((a, b) => a - b));
  expect(turns.filter((event) => !events.includes(event))).toEqual([]);
}

/** The log lines in which steps and undos say that they are done. The last one of each way is the record's end. */
function turnsOf({ state, failsAt }: Course): readonly string[] {
  if (failsAt === undefined) return [...liveMigrateOutline.slice(0, -1).map(({ name }) => name), "done"];
  const from = liveMigrateOutline.findIndex(({ name }) => name === failsAt);
  const [, ...undone] = liveMigrateOutline.slice(0, from + 1).filter(({ hasUndo }) => hasUndo);
  const undos = undone.toReversed().map(({ name }) => `undo ${name}`);
  return [...undos, state === "cancelled" ? "undoneOnRequest" : "undone"];
}
