import { liveMigrateInstance, setMigrationPriority } from "@drover/contracts";
import { afterEach, expect, it } from "vitest";
import { type AgentScript, guest, otherGuest, type Plane, startPlane } from "../suite/scripted-plane.ts";

let plane: Plane;
afterEach(() => plane.close());

const copies: AgentScript = { start: ({ migrationUuid }, agent) => agent.report(migrationUuid, "started") };
const third = { ...guest, uuid: "6f6e0c5c-0000-4000-8000-000000000003", name: "third" };

async function migrate(serverUuid: string): Promise<string> {
  const request = { serverUuid, requestedBy: "olga", projectId: "admin" };
  return (await plane.bus.call(liveMigrateInstance, liveMigrateInstance.request.parse(request))).migrationUuid;
}

function set(migrationUuid: string, priority: number) {
  return plane.bus.call(setMigrationPriority, { migrationUuid, priority, requestedBy: "olga" });
}

async function ends(uuid: string): Promise<void> {
  await plane.alpha.outcome(uuid, { outcome: "stayed", cause: "failed" });
  await plane.until(uuid, "failed");
}

it.each([
  ["its source", { max_concurrent_live_migrations: 1 }],
  ["a destination", { max_concurrent_live_migrations: 3, max_concurrent_incoming_migrations: 1 }],
])("one that waits for a slot of %s and is raised has it before the others", async (_, config) => {
  plane = await startPlane({ alpha: copies }, config);
  await plane.store.guests.replaceSightings("alpha", [guest, otherGuest, third]);
  const running = await migrate(guest.uuid);
  await plane.until(running, "running");
  const [older, younger] = [await migrate(otherGuest.uuid), await migrate(third.uuid)];
  const waits = async (uuid: string) => (await plane.store.migrations.get(uuid))?.reason?.includes("wait") === true;
  await expect.poll(() => Promise.all([waits(older), waits(younger)])).toEqual([true, true]);
  expect(await set(younger, 5)).toEqual({ answer: "accepted" });
  expect(await set(younger, 5)).toEqual({ answer: "ignored" });
  await ends(running);
  await plane.until(younger, "running");
  expect((await plane.store.migrations.get(older))?.startedAt).toBeNull();
  await ends(younger);
  await plane.until(older, "running");
  await ends(older);
  const log = await plane.store.migrations.readLog(younger);
  expect(log.find(({ event }) => event === "priority requested")?.message).toBe(
    "priority 0 becomes 5, asked for by olga",
  );
});

it("one that does not wait is refused with its state", async () => {
  plane = await startPlane({ alpha: copies });
  const uuid = await migrate(guest.uuid);
  await plane.until(uuid, "running");
  await expect(set(uuid, 5)).rejects.toMatchObject({ code: "refused", message: expect.stringContaining("is running") });
  await ends(uuid);
});
