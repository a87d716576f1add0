/** One plane over which many cells run: two hosts that take turns in being the source, and guests that outlive cells. */
import { type DroverProcess, type LabFaults, type LabGuest, type LabHost, labFaults, waitFor } from "@drover/testkit";
import { type LabPlane, startLabPlane } from "../../lab/lab-plane.ts";

/** Small, so that it boots and moves quickly; it dirties more than `SLOW_MIBPS`, so that nothing ends by itself there. */
const GUEST = { memoryMiB: 128, workingSetMiB: 24, dirtyMiBps: 10, verifyMiBps: 24 };

/** What the link between the hosts is held to while a copy is to last. */
export const SLOW_MIBPS = 5;

const READY_WITHIN_MS = 40_000;

const ENV = {
  // One at a time leaves a host, so that a second one stays queued.
  DROVER_CONDUCTOR_MAX_CONCURRENT_LIVE_MIGRATIONS: "1",
  DROVER_POLICY_LIVE_MIGRATION_PERMIT_POST_COPY: "true",
};

export interface ChaosPlane extends AsyncDisposable {
  readonly plane: LabPlane;
  readonly faults: LabFaults;
  /** A guest that runs well, and the host it runs on: one that the cells before left behind, or a new one. */
  guest(): Promise<{ readonly guest: LabGuest; readonly source: LabHost; readonly destination: LabHost }>;
  /** A second guest on the host, to be in the way. */
  filler(host: LabHost): Promise<LabGuest>;
  agentOf(host: LabHost): DroverProcess;
  /** Resolves when nothing is broken and every process is ready. Rejects when the plane does not recover. */
  untilWell(): Promise<void>;
  /** Takes away everything that a failed cell may have left: guests, definitions, records that are not over. */
  sweep(): Promise<void>;
}

export async function startChaosPlane(env: Readonly<Record<string, string>> = {}): Promise<ChaosPlane> {
  const plane = await startLabPlane({ conductors: 2, env: { ...ENV, ...env } });
  const faults = labFaults();
  const { source: first, destination: second } = plane;
  const hosts = [first, second];
  let number = 0;
  const known = new Map<"moved" | "filler", LabGuest>();

  const hostOf = async (guest: LabGuest) => {
    for (const host of hosts) {
      if ((await host.virsh("list", "--name", "--state-running")).split("\n").includes(guest.name)) return host;
    }
    return undefined;
  };
  const remove = async ({ name }: LabGuest) => {
    for (const host of hosts) {
      await host.virsh("destroy", name).catch(() => undefined);
      await host.virsh("undefine", name).catch(() => undefined);
    }
  };
  /** The known guest of a role if it runs where it is wanted, else a new one. */
  const guestFor = async (role: "moved" | "filler", wanted?: LabHost) => {
    const present = known.get(role);
    const host = present && (await hostOf(present));
    if (present !== undefined && host !== undefined && (wanted ?? host) === host) return { guest: present, host };
    if (present !== undefined) await remove(present);
    number += 1;
    const at = wanted ?? first;
    const guest = await at.startGuest({ name: `${role}-${number}`, ...GUEST });
    known.set(role, guest);
    return { guest, host: at };
  };
  return {
    plane,
    faults,
    guest: async () => {
      const { guest, host } = await guestFor("moved");
      await plane.untilServerIsOn(guest.name, host);
      return { guest, source: host, destination: host === first ? second : first };
    },
    filler: async (host) => {
      const { guest } = await guestFor("filler", host);
      await plane.untilServerIsOn(guest.name, host);
      return guest;
    },
    agentOf: (host) => {
      const agent = plane.drover.agents[host.index];
      if (agent === undefined) throw new Error(`${host.name} has no agent`);
      return agent;
    },
    untilWell: async () => {
      await faults.undoAll();
      for (const host of hosts) await host.limitBandwidth("migration", 0);
      await Promise.all(plane.drover.processes.map((one) => one.waitUntilReady({ deadlineMs: READY_WITHIN_MS })));
      await waitFor(
        "both hosts to be up",
        async () => (await plane.client.hosts()).hosts.filter(({ state }) => state === "up").length === hosts.length,
        { deadlineMs: READY_WITHIN_MS, intervalMs: 100 },
      );
    },
    sweep: async () => {
      await faults.undoAll();
      for (const guest of known.values()) await remove(guest);
      known.clear();
      const open = "state not in ('completed', 'failed', 'cancelled')";
      await plane.postgres.sql(`delete from migrations where ${open}`, plane.storeUrl);
    },
    [Symbol.asyncDispose]: async () => {
      await faults.undoAll().catch(() => undefined);
      await plane[Symbol.asyncDispose]();
    },
  };
}
