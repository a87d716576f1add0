import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "@drover/model";
import type { GuestOptions } from "./guest-spec.ts";
import { type LibvirtdPair, openBoth } from "./libvirtd-harness.ts";
import { startSimulatedFleet } from "./start-simulated-fleet.ts";

/** Memory that a lab guest's kernel and programs fill beside its working set, MiB; measured where it matters. */
const SYSTEM_MIB = 68;

/** Two simulated hosts. `touched` says how much of a guest's memory is not zeros; by default what a lab guest has. */
export async function simulatedPair(
  touched: (workingSetMiB: number) => number = (workingSetMiB) => workingSetMiB + SYSTEM_MIB,
  clock: Clock = systemClock,
): Promise<LibvirtdPair> {
  const directory = await mkdtemp(join(tmpdir(), "sim-"));
  const fleet = await startSimulatedFleet({ directory, hosts: [{ name: "sim-1" }, { name: "sim-2" }], clock });
  const end = ({ name, uri, peerUri }: (typeof fleet.hosts)[number]) => ({ name, uri, peerUri, inboundAddress: name });
  const [source, destination] = await openBoth([end(fleet.host("sim-1")), end(fleet.host("sim-2"))]);
  const rates = new Map<string, number>();
  return {
    source,
    destination,
    createGuest: async ({ name, memoryMiB, workingSetMiB, dirtyMiBps }) => {
      const touchedMiB = touched(workingSetMiB);
      const guest: GuestOptions = { name, host: "sim-1", memoryMiB, touchedMiB, workingSetMiB, dirtyMiBps };
      fleet.addGuest(guest);
      rates.set(name, dirtyMiBps);
    },
    dirtyMiBps: (guest) => rates.get(guest) ?? 0,
    [Symbol.asyncDispose]: async () => {
      await source.host.close();
      await destination.host.close();
      await fleet.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
