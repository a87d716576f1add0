import { type JobStats, VIR_MIGRATE } from "@drover/libvirt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EventLog } from "./event-log.ts";
import { hurriedClock } from "./hurried-clock.ts";
import { labPair } from "./lab-pair.ts";
import type { GuestUnderTest, LibvirtdPair } from "./libvirtd-harness.ts";
import { simulatedPair } from "./simulated-pair.ts";

const { VIR_MIGRATE_LIVE, VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_PERSIST_DEST, VIR_MIGRATE_UNDEFINE_SOURCE } = VIR_MIGRATE;
const MOVE = VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER | VIR_MIGRATE_PERSIST_DEST | VIR_MIGRATE_UNDEFINE_SOURCE;

const MEMORY = { memoryMiB: 256, workingSetMiB: 64 };
const PAGES_PER_MIB = 256;

/**
 * How much faster than the real one the simulated copy runs, and how much more often it is looked at. A delay of this process
 * looks that much longer to the copy, and may cost it a pass.
 */
const HURRY = 2;
const LOOK_EVERY_MS = 50;

/** libvirt's own limit is what holds each copy back, so that the machine's speed under emulation does not matter. */
interface Calibration {
  readonly guest: GuestUnderTest;
  readonly bandwidthMiBps: number;
  /** Called off when this many iterations are reached; null lets it end by itself. */
  readonly abortAtIteration: number | null;
}

const IDLE: Calibration = {
  guest: { name: "idle", ...MEMORY, dirtyMiBps: 0 },
  bandwidthMiBps: 40,
  abortAtIteration: null,
};
const CONVERGING: Calibration = {
  guest: { name: "converging", ...MEMORY, dirtyMiBps: 16 },
  bandwidthMiBps: 32,
  abortAtIteration: null,
};
const NEVER_CONVERGING: Calibration = {
  guest: { name: "never-converging", ...MEMORY, dirtyMiBps: 40 },
  bandwidthMiBps: 20,
  abortAtIteration: 5,
};

/** What one run showed. */
interface Measured {
  readonly outcome: string;
  readonly iterations: number;
  readonly processedMiB: number;
  readonly elapsedMs: number;
  readonly downtimeMs: number;
  readonly constantPages: number;
  readonly sourceEvents: readonly string[];
  readonly destinationEvents: readonly string[];
  /** Types of the job in the order they were first seen. */
  readonly jobTypes: readonly string[];
}

describe("the migration model agrees with QEMU", () => {
  let real: LibvirtdPair;
  beforeAll(async () => {
    real = await labPair();
  });
  afterAll(async () => {
    await real?.[Symbol.asyncDispose]();
  });

  const rows: Record<string, string | number>[] = [];
  let systemMiB: number | null = null;
  afterAll(() => console.table(rows));

  test.each([IDLE, CONVERGING, NEVER_CONVERGING])(
    "$guest.name: iterations within 30 %, bytes within 20 %, the same outcome, events and job types",
    async (run) => {
      const onReal = await measure(real, run, LOOK_EVERY_MS);
      const dirtyMiBps = real.dirtyMiBps(run.guest.name);
      // What a lab guest fills beside its working set is the guest's own and not the model's to guess: it is read off the
      // pages of zeros that QEMU found in the first guest, which is idle.
      systemMiB ??= MEMORY.memoryMiB - onReal.constantPages / PAGES_PER_MIB - MEMORY.workingSetMiB;
      const system = systemMiB;
      await using pair = await simulatedPair((workingSetMiB) => workingSetMiB + system, hurriedClock(HURRY));
      const hurried = { ...run, guest: { ...run.guest, dirtyMiBps } };
      const simulated = await measure(pair, hurried, LOOK_EVERY_MS / HURRY);

      for (const [host, measured] of Object.entries({ real: onReal, simulated })) {
        const { outcome, iterations, processedMiB, elapsedMs, downtimeMs } = measured;
        rows.push({
          guest: run.guest.name,
          host,
          "dirty MiB/s": Number(dirtyMiBps.toFixed(1)),
          "link MiB/s": run.bandwidthMiBps,
          outcome,
          iterations,
          "sent MiB": Number(processedMiB.toFixed(1)),
          "elapsed ms": elapsedMs,
          "downtime ms": downtimeMs,
        });
      }
      // Seen once, on a busy machine: a real one ended an aborted call with VIR_ERR_INTERNAL_ERROR (1). Why is not known.
      const realOutcomes = run.abortAtIteration === null ? [simulated.outcome] : ["refused 1", simulated.outcome];
      expect(realOutcomes).toContain(onReal.outcome);
      expect(simulated.sourceEvents).toEqual(onReal.sourceEvents);
      expect(simulated.destinationEvents).toEqual(onReal.destinationEvents);
      expect(simulated.jobTypes).toEqual(onReal.jobTypes);
      expect(Math.abs(simulated.iterations / onReal.iterations - 1)).toBeLessThanOrEqual(0.3);
      expect(Math.abs(simulated.processedMiB / onReal.processedMiB - 1)).toBeLessThanOrEqual(0.2);
    },
    180_000,
  );
});

/** Runs one migration to its end, or until it is called off, watching it as the agent does. */
async function measure(pair: LibvirtdPair, run: Calibration, lookEveryMs: number): Promise<Measured> {
  const { source, destination } = pair;
  await pair.createGuest(run.guest);
  const dom = await source.host.control.domain.lookupByName(run.guest.name);
  await using told = await EventLog.open(source.host.control);
  await using heard = await EventLog.open(destination.host.control);
  const params = {
    bandwidthMiBps: run.bandwidthMiBps,
    migrateUri: `tcp://${destination.inboundAddress}`,
    listenAddress: destination.inboundAddress,
  };
  const ended = new AbortController();
  const outcome = source.host
    .migrate(dom, destination.peerUri, params, MOVE)
    .then(
      () => "arrived",
      (error: unknown) =>
        error instanceof Error && "libvirtCode" in error ? `refused ${error.libvirtCode}` : String(error),
    )
    .finally(() => ended.abort());
  const watched = await watch(pair, dom, run.abortAtIteration, lookEveryMs, ended.signal);
  const arrived = (await outcome) === "arrived";
  const last = arrived ? await destination.host.control.domain.getCompletedJobStats(dom) : watched.last;
  for (const { host } of arrived ? [destination] : [source]) {
    await host.control.domain.destroy(dom);
    await host.control.domain.undefine(dom);
  }
  const untilRemoved = (events: readonly string[]) =>
    events.filter((word) => !["shutdownHost", "stoppedDestroyed"].includes(word) && word !== "undefinedRemoved");
  return {
    outcome: await outcome,
    iterations: last?.memoryIteration ?? 0,
    processedMiB: (last?.memoryProcessedBytes ?? 0) / 1_048_576,
    elapsedMs: last?.elapsedMs ?? 0,
    downtimeMs: arrived ? (last?.downtimeMs ?? 0) : 0,
    constantPages: last?.memoryConstantPages ?? 0,
    sourceEvents: untilRemoved(told.of(run.guest.name)),
    destinationEvents: untilRemoved(heard.of(run.guest.name)),
    jobTypes: [...watched.types, arrived ? "completed" : "none"],
  };
}

/** Polls the job until the migration has ended, calling it off on the way if that was asked. */
async function watch(
  pair: LibvirtdPair,
  dom: { readonly name: string; readonly uuid: string; readonly id: number },
  abortAtIteration: number | null,
  lookEveryMs: number,
  ended: AbortSignal,
): Promise<{ last: JobStats | null; types: string[] }> {
  const { control } = pair.source.host;
  let last: JobStats | null = null;
  let aborted = false;
  const types = new Set<string>();
  while (!ended.aborted) {
    // The guest may be gone from the source between one look and the next.
    const stats = await control.domain.getJobStats(dom).catch(() => null);
    if (stats === null || ended.aborted) break;
    if (stats.type === "unbounded") types.add(stats.type);
    if ((stats.memoryTotalBytes ?? 0) > 0 && !aborted) last = stats;
    if (abortAtIteration !== null && !aborted && (stats.memoryIteration ?? 0) >= abortAtIteration) {
      await control.domain.abortJob(dom);
      aborted = true;
    }
    await pause(lookEveryMs, ended);
  }
  return { last, types: [...types] };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
