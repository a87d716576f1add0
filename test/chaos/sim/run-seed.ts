import type { GuestOptions } from "@drover/libvirt-sim";
import { defaultPolicy, type Logger, type MigrationPolicy, TERMINAL } from "@drover/model";
import { SeededRandom } from "../seeded-random.ts";
import { ChaosPlane } from "./chaos-plane.ts";
import { FAULTS, type FaultScene, repairAll } from "./faults.ts";
import { needsAPerson, sightingsThatErr, type Unsettled, unsettled } from "./final-check.ts";
import { Invariants, type KnownGuest } from "./invariants.ts";
import { askToMigrate, planRequest } from "./operator.ts";
import { RunLedger, type Violation } from "./run-ledger.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly steps: number;
  /** From the repair until everything was settled, ms of virtual time; null when that never came. */
  readonly settledAfterMs: number | null;
}

const HOSTS = ["alpha", "beta", "gamma"] as const;

/** Drover's longest documented waits one after the other: a start that came to nothing, 60 s and 60 s, and what follows. */
const SETTLES_WITHIN_MS = 200_000;
/** What is looked for that seldom in the end costs little. */
const LOOK_MS = 1_000;
/** A run with more than this does not come to rest. */
const MOST_STEPS = 400_000;

/** What a run is made of: the guests at its beginning, and what befalls them. */
export interface RunPlan {
  readonly seed: number;
  /** Decides who comes first of those that are due at one moment. */
  readonly order: SeededRandom;
  /** Decides how long messages, disks and databases take. */
  readonly times: SeededRandom;
  readonly guests: readonly { readonly guest: GuestOptions; readonly paused: boolean }[];
  readonly policy: MigrationPolicy;
  readonly linkMiBps: number;
  /** @default drawn */
  readonly confirmMs?: number;
  /** Begins when Drover knows all guests; everything is repaired when it has ended. */
  readonly befall: (scene: FaultScene, guests: readonly KnownGuest[], step: () => void) => Promise<void>;
}

/** Plays one seed from its beginning to the check at its end. Rejects only for a mistake of the simulation itself. */
export async function runSeed(
  seed: number,
  loggerOf?: (process: string, ledger: RunLedger) => Logger,
): Promise<RunResult> {
  const random = new SeededRandom(seed);
  const order = random.fork();
  const plans = random.fork();
  const guests = planGuests(plans);
  const policy = planPolicy(plans);
  const linkMiBps = plans.pick([100, 300, 1_000]);
  const befall = (scene: FaultScene, known: readonly KnownGuest[], step: () => void) =>
    trouble({ ...scene, random: plans }, known, step);
  return await runPlan({ seed, order, times: random.fork(), guests, policy, linkMiBps, befall }, loggerOf);
}

/** Plays a plan and holds what comes of it against Drover's promises. */
export async function runPlan(
  plan: RunPlan,
  loggerOf?: (process: string, ledger: RunLedger) => Logger,
): Promise<RunResult> {
  const { seed, order, times, policy, linkMiBps, confirmMs } = plan;
  using clock = new VirtualClock(order);
  const ledger = new RunLedger(clock);
  let invariants: Invariants | undefined;
  const plane = await ChaosPlane.open({
    clock,
    ledger,
    random: times,
    hosts: HOSTS,
    guests: plan.guests.map(({ guest }) => guest),
    linkMiBps,
    policy,
    confirmMs,
    onRecord: (migration) => invariants?.checkRecord(migration),
    ...(loggerOf === undefined ? {} : { loggerOf: (process: string) => loggerOf(process, ledger) }),
  });
  const guests = plane.fleet.guests().map(({ uuid, name }): KnownGuest => {
    const paused = plan.guests.some(({ guest, paused }) => guest.name === name && paused);
    return { uuid, name, paused };
  });
  for (const { uuid, paused } of guests) if (paused) plane.fleet.suspend(uuid);
  const checks = new Invariants(ledger, guests, () => plane.fleet.guests());
  invariants = checks;
  const scene: FaultScene = { plane, clock, random: new SeededRandom(seed), ledger, hosts: HOSTS, moments: new Set() };
  const step = () => {
    checks.checkHosts();
    for (const moment of scene.moments) {
      if (!moment.hasCome()) continue;
      scene.moments.delete(moment);
      moment.strike();
    }
    if (clock.steps > MOST_STEPS) throw new Error(`seed ${seed} does not come to rest`);
  };
  try {
    for (const who of plane.processes) plane.start(who);
    const known = async () => (await plane.store.guests.list()).length >= guests.length;
    await untilSettled(scene, step, 20_000, async () => ((await known()) ? [] : [NOT_KNOWN]));
    await plan.befall(scene, guests, step);
    repairAll(scene);
    for (const { uuid } of guests) plane.fleet.setGuestLoad(uuid, { dirtyMiBps: 4 });
    const settledAfterMs = await settle(scene, guests, checks, step);
    if (ledger.violations.length === 0) await migrateAgain(scene, guests, checks, step);
    return { seed, violations: ledger.violations, trace: ledger.lines, steps: clock.steps, settledAfterMs };
  } finally {
    await plane.close();
  }
}

const NOT_KNOWN: Unsettled = { rule: "hosts report in", what: "not all guests are known" };

function planGuests(random: SeededRandom) {
  return Array.from({ length: 1 + random.below(3) }, (_, index) => {
    const stubborn = random.chance(0.25);
    const paused = random.chance(0.1);
    const guest = {
      name: `guest-${index + 1}`,
      host: random.pick(HOSTS),
      memoryMiB: random.pick([512, 1_024, 2_048]),
      touchedMiB: random.pick([100, 300, 480]),
      ...(stubborn ? { workingSetMiB: 90, dirtyMiBps: 3_000 } : { dirtyMiBps: random.pick([0, 10, 60]) }),
      persistent: !random.chance(0.15),
    };
    return { guest, paused };
  });
}

function planPolicy(random: SeededRandom): MigrationPolicy {
  return {
    ...defaultPolicy,
    permitPostCopy: random.chance(0.3),
    completionTimeoutSPerGiB: random.chance(0.2) ? 5 : defaultPolicy.completionTimeoutSPerGiB,
    timeoutAction: random.pick(["abort", "force-complete"]),
  };
}

/** The part of the run in which things go wrong: some kinds of trouble, some requests, at moments drawn for each. */
async function trouble(scene: FaultScene, guests: readonly KnownGuest[], step: () => void): Promise<void> {
  const { clock, random, ledger } = scene;
  const lastsMs = random.pick([5_000, 8_000, 12_000, random.chance(0.3) ? 100_000 : 20_000]);
  const kinds = FAULTS.filter(() => random.chance(0.35));
  const requests = 1 + random.below(guests.length * 2);
  for (let index = 0; index < requests; index += 1) planRequest(scene, guests, random.between(0, lastsMs * 0.5));
  const strikes = kinds.length === 0 ? 0 : random.below(9);
  for (let index = 0; index < strikes; index += 1) {
    const fault = random.pick(kinds);
    const strike = () => !scene.plane.isMended && fault.strike(scene);
    if (random.chance(0.5)) clock.after(random.between(0, lastsMs * 0.8), strike);
    else {
      const afterMs = random.chance(0.5) ? random.between(0, 15) : random.between(0, 400);
      ledger.lieInWait(1 + random.below(24), () => void clock.after(afterMs, strike));
    }
  }
  await clock.pass(clock.monotonicMs() + lastsMs, step);
}

async function settle(
  scene: FaultScene,
  guests: readonly KnownGuest[],
  checks: Invariants,
  step: () => void,
): Promise<number | null> {
  const { plane, clock, ledger } = scene;
  const repairedAtMs = clock.monotonicMs();
  const records = new Map(checks.records.map((record) => [record.uuid, record]));
  const left = await untilSettled(scene, step, SETTLES_WITHIN_MS, () => unsettled(plane, guests, records));
  for (const { rule, what } of left) ledger.violated(rule, what);
  const tookMs = clock.monotonicMs() - repairedAtMs;
  if (left.length === 0) ledger.note("settled", `${(tookMs / 1000).toFixed(1)} s after the repair`);
  return left.length === 0 ? tookMs : null;
}

/** Passes time until `look` finds nothing any more; resolves with what it found last. */
async function untilSettled(
  { clock }: FaultScene,
  step: () => void,
  limitMs: number,
  look: () => Promise<readonly Unsettled[]>,
): Promise<readonly Unsettled[]> {
  const untilMs = clock.monotonicMs() + limitMs;
  for (;;) {
    const left = await look();
    if (left.length === 0 || clock.monotonicMs() >= untilMs) return left;
    await clock.pass(Math.min(untilMs, clock.monotonicMs() + LOOK_MS), step);
  }
}

/** libvirtd is dialled again after 5 s at most, and a report that did not arrive is repeated after 10 s. */
const REPORTED_WITHIN_MS = 30_000;
const ASKED_MS = 12_000;
const AGAIN_WITHIN_MS = 60_000;

/** Resolves with the migration's uuid, or undefined when it was refused. */
async function askOnce(scene: FaultScene, guest: KnownGuest, step: () => void): Promise<string | undefined> {
  const { clock } = scene;
  let answer: { readonly uuid: string | undefined } | undefined;
  void askToMigrate(scene, guest, null).then((uuid) => {
    answer = { uuid };
  });
  await clock.pass(clock.monotonicMs() + ASKED_MS, step, () => answer !== undefined);
  return answer?.uuid;
}

/** The last promise: nothing that happened keeps a guest from being migrated. */
async function migrateAgain(
  scene: FaultScene,
  guests: readonly KnownGuest[],
  checks: Invariants,
  step: () => void,
): Promise<void> {
  const { clock, ledger, plane } = scene;
  const truth = plane.fleet.guests();
  for (const guest of guests) {
    if (needsAPerson(truth, guest)) continue;
    // A request that was on its way at the repair may have been taken since.
    const isFree = () =>
      checks.records.every(({ serverUuid, state }) => serverUuid !== guest.uuid || TERMINAL.has(state));
    await clock.pass(clock.monotonicMs() + AGAIN_WITHIN_MS, step, isFree);
    const errors = () => sightingsThatErr(plane, [guest], clock.now());
    const misreported = await untilSettled(scene, step, REPORTED_WITHIN_MS, errors);
    for (const { rule, what } of misreported) ledger.violated(rule, what);
    let asked = await askOnce(scene, guest, step);
    if (asked === undefined) {
      // A request from before the repair was taken first, or the one who had taken this was killed: a person asks again.
      await clock.pass(clock.monotonicMs() + AGAIN_WITHIN_MS, step, isFree);
      asked = await askOnce(scene, guest, step);
    }
    const record = () => checks.records.find(({ uuid }) => uuid === asked);
    const isOver = () => {
      const state = record()?.state;
      return state === undefined || TERMINAL.has(state) || state === "error";
    };
    await clock.pass(clock.monotonicMs() + AGAIN_WITHIN_MS, step, isOver);
    const ended = record();
    if (ended?.state === "completed") continue;
    const how = ended === undefined ? "is refused" : `is ${ended.state} (${ended.reason})`;
    ledger.violated("every guest can be migrated again", `${guest.name}: the migration ${how}`);
  }
  const records = new Map(checks.records.map((known) => [known.uuid, known]));
  const left = await untilSettled(scene, step, AGAIN_WITHIN_MS, () => unsettled(plane, guests, records));
  for (const { rule, what } of left) ledger.violated(rule, what);
}
