/** Every agent and every conductor dies at once, in the middle of eight migrations. */
import type { MigrationView } from "@drover/api-client";
import {
  createOwnedFolder,
  type DroverProcess,
  type LabGuest,
  type LabHost,
  startDroverProcess,
  waitFor,
} from "@drover/testkit";
import { expect, it } from "vitest";
import { isOver } from "../../integration/watching.ts";
import type { ChaosPlane } from "./chaos-plane.ts";

const EIGHT = { memoryMiB: 160, workingSetMiB: 16, dirtyMiBps: 1, verifyMiBps: 8 };

/** What they write is as much as may be sent: none is over before it may be sent faster. */
const SLOWLY = { bandwidthMiBps: EIGHT.dirtyMiBps, compression: "none", permitAutoConverge: false } as const;

export function killsAllInTheMiddleOfEight(chaosOf: () => ChaosPlane): void {
  it("all agents and conductors are killed in the middle of eight migrations: all go on, one is aborted, eight true records", {
    timeout: 400_000,
  }, async () => {
    const chaos = chaosOf();
    await chaos.untilWell();
    const { source, destination, client, drover, postgres, storeUrl } = chaos.plane;
    await using conductors = await conductorsForEight(chaos);
    const names = Array.from({ length: 8 }, (_, index) => `all-killed-${index + 1}`);
    const guests = await startTwoAtATime(source, names);
    for (const { name } of guests) await chaos.plane.untilServerIsOn(name, source);
    const request = { host: destination.name, policy: SLOWLY };
    const asked = await Promise.all(names.map((name) => client.migrate(name, request)));
    const ids = asked.map(({ migration }) => migration.id);
    const isWatched = ({ progress }: MigrationView) => (progress?.memoryTotalBytes ?? 0) > 0;
    for (const id of ids) await chaos.plane.untilMigration(id, "watched while it is copied", isWatched);

    const killed = await chaos.faults.kill("all agents and conductors", ...drover.agents, ...conductors.processes);
    await killed.undo();
    // Taken up again, all of them: one is called off, while libvirtd has eight start calls to remember.
    const aborted = ids.at(-1);
    if (aborted === undefined) throw new Error("nothing was started");
    await waitFor("the abort to be taken", () => client.abort(aborted), { deadlineMs: 30_000 });
    const calledOff = await chaos.plane.untilMigration(aborted, "over", isOver);
    expect(calledOff.state, calledOff.reason ?? "").toBe("cancelled");
    const others = ids.filter((id) => id !== aborted);
    await Promise.all(others.map((id) => client.tune(id, { bandwidthMiBps: 0 })));

    const ended: MigrationView[] = [];
    for (const id of ids) ended.push(await chaos.plane.untilMigration(id, "over", isOver));
    const checks = ended.map(async (migration, index) => {
      const arrived = migration.state === "completed";
      const [there, elsewhere] = arrived ? [destination, source] : [source, destination];
      const { name } = guests[index]?.spec ?? { name: "nobody" };
      expect(await there.virsh("domstate", name), `${name}: ${migration.reason}`).toBe("running");
      expect((await elsewhere.virsh("list", "--all", "--name")).split("\n"), name).not.toContain(name);
      expect((await guests[index]?.waitForFullCheck(there, { deadlineMs: 90_000 }))?.badPages, name).toBe(0);
    });
    await Promise.all(checks);
    expect((await postgres.sql("select count(*) from destination_claims", storeUrl)).trim()).toBe("0");
  });
}

/** As many as there are processors: eight that share them would each seem not to start. */
async function startTwoAtATime(host: LabHost, names: readonly string[]): Promise<readonly LabGuest[]> {
  const guests: LabGuest[] = [];
  for (let first = 0; first < names.length; first += 2) {
    const pair = names.slice(first, first + 2);
    guests.push(...(await Promise.all(pair.map((name) => host.startGuest({ name, ...EIGHT })))));
  }
  return guests;
}

/** Two conductors that let eight leave one host at once, instead of the plane's own. */
async function conductorsForEight({ plane }: ChaosPlane) {
  const folder = await createOwnedFolder({ kind: "conductors" });
  const env = {
    DROVER_DATA_DIR: folder.path,
    DROVER_BUS_URL: plane.broker.url,
    DROVER_STORE_URL: plane.storeUrl,
    DROVER_PROGRESS_URL: plane.redis.url,
    DROVER_CONDUCTOR_MAX_CONCURRENT_LIVE_MIGRATIONS: "8",
    DROVER_CONDUCTOR_MAX_CONCURRENT_INCOMING_MIGRATIONS: "8",
  };
  await Promise.all(plane.drover.conductors.map((one) => one.stop()));
  const start = (label: string) => startDroverProcess({ service: "conductor", label, folder, env });
  const processes: readonly DroverProcess[] = [await start("conductor-a"), await start("conductor-b")];
  await Promise.all(processes.map((one) => one.waitUntilReady()));
  return {
    processes,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(processes.map((one) => one.stop()));
      await folder.remove();
      for (const one of plane.drover.conductors) one.start();
    },
  };
}
