/** How each part of the plane is made to fail. */
import { CONTROL_PLANE, type CutMode, type DroverProcess, type Fault, libvirtdOf } from "@drover/testkit";
import type { Moving } from "./bring-into-state.ts";
import type { Part } from "./cells.ts";

/**
 * Breaks a part; the fault's undo brings it back. Processes die by SIGKILL, networks by `cut`. A guest's QEMU stays
 * dead.
 */
export async function strike(part: Part, moving: Moving, migrationUuid: string, cut: CutMode): Promise<Fault> {
  const { chaos, guest, source, destination } = moving;
  const { faults, plane } = chaos;
  const { drover } = plane;
  switch (part) {
    case "source agent":
      return faults.kill(part, chaos.agentOf(source));
    case "destination agent":
      return faults.kill(part, chaos.agentOf(destination));
    case "both agents":
      return faults.kill(part, ...drover.agents);
    case "conductor":
      return faults.kill(part, conductorOf(drover.conductors, migrationUuid));
    case "scheduler":
      return faults.kill(part, drover.scheduler);
    case "api":
      return faults.kill(part, drover.api);
    case "broker":
      return faults.kill(part, plane.broker);
    case "redis":
      return faults.kill(part, plane.redis);
    case "database":
      return faults.kill(part, plane.postgres);
    case "source libvirtd":
      return faults.kill(part, libvirtdOf(source));
    case "destination libvirtd":
      return faults.kill(part, libvirtdOf(destination));
    case "destination QEMU":
      await faults.killGuest(destination, guest.name);
      return { what: part, undo: async () => {}, [Symbol.asyncDispose]: async () => {} };
    case "network host to host":
      return faults.cut({ between: [source, destination] }, cut);
    case "network to the control plane":
      return both(
        await faults.cut({ between: [source, CONTROL_PLANE] }, cut),
        await faults.cut({ between: [destination, CONTROL_PLANE] }, cut),
      );
  }
}

/** The one that works on the migration: whose log has its newest line. */
function conductorOf(conductors: readonly DroverProcess[], migrationUuid: string): DroverProcess {
  const newest = (conductor: DroverProcess) => {
    const line = conductor
      .log()
      .split("\n")
      .findLast((one) => one.includes(migrationUuid));
    const time = /"time":"?([^",]+)/.exec(line ?? "")?.[1] ?? "";
    return /^\d+$/.test(time) ? Number(time) : Date.parse(time) || 0;
  };
  const [worker] = [...conductors].sort((a, b) => newest(b) - newest(a));
  if (worker === undefined) throw new Error("the plane has no conductor");
  return worker;
}

function both(one: Fault, other: Fault): Fault {
  const undo = async () => {
    await Promise.all([one.undo(), other.undo()]);
  };
  return { what: `${one.what}; ${other.what}`, undo, [Symbol.asyncDispose]: undo };
}
