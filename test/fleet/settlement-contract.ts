import type { MigrationView } from "@drover/api-client";
import { LibvirtConnection, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { waitFor } from "@drover/testkit";
import { expect } from "vitest";
import { isOver, untilMigration, untilServerIsOn } from "../integration/watching.ts";
import {
  configDriveOf,
  DISK_CONTENT,
  DRIVE_CONTENT,
  HOSTS,
  type HostName,
  localDiskOf,
  type SimulatedPlane,
} from "./simulated-plane.ts";

/** What every migration must leave behind, whatever happened to it. */
export interface Settlement {
  readonly state: "completed" | "failed" | "cancelled";
  readonly host: HostName;
  /** Stands in the reason or the failure that people are shown. */
  readonly says?: RegExp;
}

/**
 * The leak check: waits until the migration is over, and expects of all hosts' libvirt, asked by ourselves, of the store
 * and of the API that the guest runs on `host` and nowhere else, that no other host keeps a definition of it or anything of
 * its local disk, which is there with its content, nor a config drive that was brought, that no claim is held nor anything in an agent's state file, that the record says how it ended, and that the guest can be
 * migrated again.
 */
export async function expectSettled(
  plane: SimulatedPlane,
  migration: { readonly id: number; readonly server: { readonly uuid: string; readonly name: string } },
  { state, host, says = /./ }: Settlement,
): Promise<MigrationView> {
  const { uuid, name } = migration.server;
  const ended = await untilMigration(plane.client, migration.id, "over", isOver);
  expect(ended.state, `${ended.reason}`).toBe(state);
  if (state === "completed") expect(ended).toMatchObject({ destinationHost: host, failure: null });
  else expect(ended).toMatchObject({ sourceHost: host, reason: expect.stringMatching(/\w/) });
  if (state !== "completed") expect(`${ended.reason} ${ended.failure?.message}`).toMatch(says);
  expect(ended.failure === null).toBe(state !== "failed");
  expect(await whereabouts(plane, uuid)).toEqual([{ host, running: true }]);
  const hasDisk = HOSTS.some((other) => plane.fleet.readFile(other, localDiskOf(name)) !== undefined);
  if (hasDisk) expectDiskOn(plane, name, host);
  expectDriveWith(plane, name, host);
  await expectNothingHeld(plane);
  await untilServerIsOn(plane.client, name, host);

  const next = HOSTS.find((other) => other !== host && other !== ended.destinationHost) ?? "gamma";
  const again = (await plane.client.migrate(name, { host: next })).migration;
  const second = await untilMigration(plane.client, again.id, "over", isOver);
  expect(second.state, `again: ${second.reason}`).toBe("completed");
  expect(await whereabouts(plane, uuid)).toEqual([{ host: next, running: true }]);
  if (hasDisk) expectDiskOn(plane, name, next);
  // Alpha had the drive already, so it also stays where the guest left it.
  expectDriveWith(plane, name, next, ...(next === "alpha" ? [host] : []));
  await expectNothingHeld(plane);
  return ended;
}

function expectDiskOn({ fleet }: SimulatedPlane, guest: string, host: HostName): void {
  const holders = HOSTS.filter((other) => fleet.readFile(other, localDiskOf(guest)) !== undefined);
  expect(holders, "hosts with a file for the disk").toEqual([host]);
  expect(fleet.readFile(host, localDiskOf(guest))?.equals(DISK_CONTENT), "the disk has its content").toBe(true);
}

/** Its user's file stays where it was put, on alpha; elsewhere it is only where the guest is, and where else it is said to be. */
function expectDriveWith({ fleet }: SimulatedPlane, guest: string, host: HostName, ...others: HostName[]): void {
  const drive = configDriveOf(guest);
  const holders = HOSTS.filter((other) => fleet.readFile(other, drive) !== undefined);
  if (holders.length === 0) return;
  const expected = new Set<HostName>(["alpha", host, ...others]);
  expect(holders, "hosts with the config drive").toEqual(HOSTS.filter((other) => expected.has(other)));
  expect(fleet.readFile(host, drive)?.equals(DRIVE_CONTENT), "the config drive has its content").toBe(true);
}

/** An agent writes down that its last report was taken a moment after the record is over. */
async function expectNothingHeld(plane: SimulatedPlane): Promise<void> {
  expect(await plane.store.claims.list()).toEqual([]);
  await waitFor("the agents to hold nothing", async () => {
    const held = await Promise.all(
      HOSTS.map(async (host) => (await plane.heldBy(host)).map((what) => `${host}: ${what}`)),
    );
    if (held.flat().length > 0) throw new Error(held.flat().join("; "));
    return true;
  });
}

/** Every host that knows the guest, as its libvirt says. */
async function whereabouts(plane: SimulatedPlane, uuid: string): Promise<{ host: string; running: boolean }[]> {
  const found = await Promise.all(
    HOSTS.map(async (host) => {
      await using connection = await LibvirtConnection.open(plane.fleet.host(host).uri);
      const domain = (await connection.domain.listAll()).find((known) => known.uuid === uuid);
      if (domain === undefined) return [];
      const { state } = await connection.domain.getState(domain);
      return [{ host, running: state === VIR_DOMAIN_STATE.VIR_DOMAIN_RUNNING }];
    }),
  );
  return found.flat();
}
