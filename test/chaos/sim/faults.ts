import { LibvirtError } from "@drover/libvirt";
import type { CallFault } from "@drover/libvirt-sim";
import type { SeededRandom } from "../seeded-random.ts";
import type { ChaosPlane, Restartable } from "./chaos-plane.ts";
import type { RunLedger } from "./run-ledger.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface FaultScene {
  readonly plane: ChaosPlane;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly ledger: RunLedger;
  readonly hosts: readonly string[];
  /** Looked at after each step: what strikes when its moment has come. */
  readonly moments: Set<{ readonly hasCome: () => boolean; readonly strike: () => void }>;
}

/** One kind of trouble. It mends itself after a while, or at the repair at the end of the run. */
export interface Fault {
  readonly name: string;
  readonly strike: (scene: FaultScene) => void;
}

/** Most troubles are short; some last long enough for the timeouts that people wait for. */
function lasting(random: SeededRandom): number {
  if (random.chance(0.5)) return random.between(50, 3_000);
  return random.chance(0.8) ? random.between(3_000, 20_000) : random.between(60_000, 90_000);
}

/** Between two dealings of the process with the world, so that the blow falls between any two lines of it. */
function soon({ plane, random }: FaultScene, who: Restartable, strike: () => void): void {
  if (random.chance(0.3)) strike();
  else who.process.arm(1 + random.below(40), () => !plane.isMended && strike());
}

function killAndRestart(scene: FaultScene, who: Restartable): void {
  const { plane, clock, random } = scene;
  soon(scene, who, () => {
    plane.kill(who);
    clock.after(lasting(random), () => {
      if (who.process.isDead) plane.start(who);
    });
  });
}

function freeze(scene: FaultScene, who: Restartable): void {
  const { clock, random, ledger } = scene;
  soon(scene, who, () => {
    const { process } = who;
    ledger.note(who.name, "freezes");
    process.freeze();
    clock.after(lasting(random), () => {
      if (process.isFrozen) ledger.note(who.name, "goes on");
      process.thaw();
    });
  });
}

const SLOW: CallFault = { kind: "delay", delayMs: 7_000 };
const CUT: CallFault = { kind: "drop-mid-frame" };
const REFUSED: CallFault = {
  kind: "refuse",
  error: LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", "operation failed: trouble on purpose"),
};

/** The calls that a migration hangs on. */
const CALLS = [
  "domainMigratePerform3Params",
  "domainGetJobStats",
  "domainAbortJob",
  "domainSuspend",
  "domainResume",
  "domainGetState",
  "domainUndefineFlags",
  "domainLookupByUUID",
  "domainGetInfo",
  "domainIsPersistent",
  "domainMigrateStartPostCopy",
  "domainMigrateSetMaxDowntime",
  "connectListAllDomains",
  "domainGetXMLDesc",
] as const;

/** Mostly one that a guest is leaving or coming to. */
function pickHost({ plane, random, hosts }: FaultScene): string {
  const busy = plane.fleet.guests().flatMap(({ host, job }) => (job === "none" ? [] : [host]));
  return busy.length > 0 && random.chance(0.7) ? random.pick(busy) : random.pick(hosts);
}

function pickAgent(scene: FaultScene): Restartable {
  const name = `agent-${pickHost(scene)}`;
  return scene.plane.agents.find((agent) => agent.name === name) ?? scene.random.pick(scene.plane.agents);
}

export const FAULTS: readonly Fault[] = [
  { name: "kill an agent", strike: (scene) => killAndRestart(scene, pickAgent(scene)) },
  { name: "kill a conductor", strike: (scene) => killAndRestart(scene, scene.random.pick(scene.plane.conductors)) },
  { name: "freeze a conductor", strike: (scene) => freeze(scene, scene.random.pick(scene.plane.conductors)) },
  { name: "freeze an agent", strike: (scene) => freeze(scene, pickAgent(scene)) },
  { name: "kill the scheduler", strike: (scene) => killAndRestart(scene, scene.plane.scheduler) },
  {
    name: "restart a libvirtd",
    strike: (scene) => {
      const { plane, clock, random, ledger } = scene;
      const host = pickHost(scene);
      ledger.note(host, "libvirtd ends");
      plane.fleet.faults.libvirtdDown(host);
      clock.after(lasting(random), () => plane.fleet.faults.libvirtdUp(host));
    },
  },
  {
    name: "take a host down",
    strike: (scene) => {
      const { plane, clock, random, ledger } = scene;
      const host = pickHost(scene);
      ledger.note(host, "cannot be reached");
      plane.fleet.faults.hostDown(host);
      clock.after(lasting(random), () => plane.fleet.faults.hostUp(host));
    },
  },
  {
    name: "break a link",
    strike: (scene) => {
      const { plane, clock, random, ledger, hosts } = scene;
      const one = pickHost(scene);
      const other = random.pick(hosts.filter((host) => host !== one));
      const condition = random.pick(["reset", "silent"] as const);
      ledger.note(one, `the link to ${other} is ${condition}`);
      plane.fleet.faults.setLink(one, other, condition);
      clock.after(lasting(random), () => plane.fleet.faults.setLink(one, other, "up"));
    },
  },
  {
    name: "bad weather on the bus",
    strike: ({ plane, clock, random, ledger }) => {
      const { weather } = plane;
      weather.loss = random.chance(0.5) ? random.between(0, 0.5) : 0;
      weather.duplicate = random.chance(0.5) ? random.between(0, 0.7) : 0;
      weather.lateMs = random.chance(0.5) ? random.between(5, 3_000) : 0;
      const percent = (share: number) => `${Math.round(share * 100)} %`;
      const late = `late by up to ${Math.round(weather.lateMs)} ms`;
      ledger.note("bus", `loses ${percent(weather.loss)}, repeats ${percent(weather.duplicate)}, ${late}`);
      clock.after(lasting(random), () => {
        Object.assign(weather, { loss: 0, duplicate: 0, lateMs: 0 });
      });
    },
  },
  {
    name: "trouble with libvirt's calls",
    strike: (scene) => {
      const { plane, random, ledger } = scene;
      const host = pickHost(scene);
      const call = random.pick(CALLS);
      const fault = random.pick([SLOW, CUT, REFUSED]);
      const times = 1 + random.below(4);
      ledger.note(host, `the next ${times} of ${call}: ${fault.kind}`);
      plane.fleet.faults.onCall(host, call, fault, times);
    },
  },
  {
    name: "take the database away",
    strike: ({ plane, clock, random, ledger }) => {
      ledger.note("database", "is away");
      plane.storeAway = true;
      clock.after(lasting(random), () => {
        plane.storeAway = false;
      });
    },
  },
];

/** Mends everything at once: whoever is dead starts, whoever is frozen goes on, hosts, links, bus and database are there. */
export function repairAll({ plane, hosts, ledger, moments }: FaultScene): void {
  moments.clear();
  plane.isMended = true;
  ledger.note("repair", "everything is mended");
  plane.storeAway = false;
  Object.assign(plane.weather, { loss: 0, duplicate: 0, lateMs: 0 });
  for (const host of hosts) {
    plane.fleet.faults.hostUp(host);
    plane.fleet.faults.libvirtdUp(host);
    for (const other of hosts) if (other !== host) plane.fleet.faults.setLink(host, other, "up");
  }
  ledger.callOff();
  plane.fleet.faults.disarm();
  for (const who of plane.processes) {
    who.process.disarm();
    who.process.thaw();
    if (who.process.isDead) plane.start(who);
  }
}
