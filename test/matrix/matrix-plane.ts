/** The plane on which cells run, and the guest that serves all cells with the same disks. */
import { type CephCluster, type LabGuest, type LabHost, startCephCluster, waitFor } from "@drover/testkit";
import { type ChaosPlane, startChaosPlane } from "../chaos/lab/chaos-plane.ts";
import type { Boot, Cell, Variant } from "./cells.ts";
import { DISKS_FOLDER, type GuestDisks, makeDisks } from "./guest-disks.ts";

export interface MatrixPlane extends AsyncDisposable {
  readonly chaos: ChaosPlane;
  /** The guest of the cell before, where that has left it, if it has the disks that this one wants; a new one if not. */
  guestFor(cell: Cell): Promise<CellGuest>;
  /** Takes the guest away from both hosts, with its disks. */
  dropGuest(): Promise<void>;
}

export interface CellGuest {
  readonly guest: LabGuest;
  readonly disks: GuestDisks;
  /** Where it runs, or stands still if the cell has it so. */
  readonly source: LabHost;
  readonly destination: LabHost;
}

/** It writes faster than the slow link carries, so that nothing ends by itself there. */
const GUEST = { memoryMiB: 128, workingSetMiB: 16, dirtyMiBps: 10, verifyMiBps: 24 };

interface KnownGuest {
  readonly boot: Boot;
  readonly variant: Variant;
  readonly guest: LabGuest;
  readonly disks: GuestDisks;
}

/** Starts all but what only some cells need. */
export async function startMatrixPlane(): Promise<MatrixPlane> {
  const started = new AsyncDisposableStack();
  const chaos = started.use(await startChaosPlane());
  const { plane } = chaos;
  const hosts = [plane.source, plane.destination];
  let starting: Promise<CephCluster> | undefined;
  let known: KnownGuest | undefined;
  let number = 0;

  const ceph = () => {
    starting ??= startCephCluster({ listenAddress: plane.lab.addresses.rootAddress }).then((cluster) =>
      started.use(cluster),
    );
    return starting;
  };
  const dropGuest = async () => {
    if (known === undefined) return;
    const { guest, disks } = known;
    known = undefined;
    await remove(guest.name, hosts);
    await disks[Symbol.asyncDispose]();
  };
  const startFor = async ({ boot, variant }: Cell) => {
    await dropGuest();
    const host = plane.source;
    const name = `matrix-${++number}`;
    const serverAddress = plane.lab.addresses.rootAddress;
    for (const one of hosts) await one.exec("mkdir", ["-p", DISKS_FOLDER]);
    const disks = await makeDisks({ boot, variant, name, host, serverAddress, ceph });
    try {
      const spec = { name, ...GUEST, devicesXml: disks.devicesXml, readDisks: [...disks.checksums.keys()] };
      const guest = await host.startGuest(spec);
      known = { boot, variant, guest, disks };
      return known;
    } catch (error) {
      await remove(name, hosts);
      await disks[Symbol.asyncDispose]();
      throw error;
    }
  };
  // First of all that ends: the plane and the Ceph are ended after it.
  started.defer(dropGuest);
  return {
    chaos,
    guestFor: async (cell) => {
      const usable = known?.boot === cell.boot && known.variant === cell.variant ? known : undefined;
      const { guest, disks } = usable ?? (await startFor(cell));
      const source = await hostOf(guest.name, hosts);
      const destination = hosts.find((host) => host !== source);
      if (source === undefined || destination === undefined) throw new Error(`${guest.name} runs nowhere`);
      if (usable === undefined) await untilDisksAreRead(guest, source, disks, "start");
      if (cell.variant === "paused") await source.virsh("suspend", guest.name);
      await plane.untilServerIsOn(guest.name, source);
      await disks.clearFor(destination);
      return { guest, disks, source, destination };
    },
    dropGuest,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/**
 * Resolves when the guest has read all of its disks on the host: since its start there, or once more from now on.
 *
 * @throws when one of them holds something else.
 */
export async function untilDisksAreRead(
  guest: LabGuest,
  host: LabHost,
  disks: GuestDisks,
  since: "start" | "now",
): Promise<void> {
  const reads = [...disks.checksums].map(async ([disk, sha256]) => {
    // The next may have been read in part before.
    const wanted = since === "start" ? 0 : guest.diskChecksums(host, disk).length + 1;
    const read = await waitFor(`${guest.name} to read ${disk}`, () => guest.diskChecksums(host, disk)[wanted], {
      deadlineMs: 60_000,
      intervalMs: 100,
    });
    if (read !== sha256) throw new Error(`the guest reads something else from ${disk} on ${host.name}`);
  });
  await Promise.all(reads);
}

async function hostOf(name: string, hosts: readonly LabHost[]): Promise<LabHost | undefined> {
  for (const host of hosts) {
    if ((await host.virsh("list", "--name")).split("\n").includes(name)) return host;
  }
  return undefined;
}

async function remove(name: string, hosts: readonly LabHost[]): Promise<void> {
  for (const host of hosts) {
    await host.virsh("destroy", name).catch(() => undefined);
    await host.virsh("undefine", name).catch(() => undefined);
  }
}
