/**
 * What Drover costs on top of libvirt itself:
 *
 * - a migration asked for over HTTP until its record is `completed`, against `virsh migrate` of the same guest between
 *   the same two lab hosts, in turns, with the guest's standstill seen from outside for both;
 * - an abort, from the HTTP request until the agent has had libvirt's answer to the abort call;
 * - the start of `standalone`, and the resident memory of it and of an agent.
 *
 * Drover runs as it is deployed: separate processes over RabbitMQ, Redis and PostgreSQL.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, type LabGuest, type LabHost, waitFor, watchStandstill } from "@drover/testkit";
import { isOver, type LabPlane, startLabPlane } from "../lab/lab-plane.ts";
import { type Bench, type BenchOptions, median, quantile, round, spread } from "./bench.ts";
import { rssMiB } from "./process-usage.ts";

/** Small and calm: what is measured is the control plane, not the copy. */
const GUEST = { name: "measured", memoryMiB: 256, workingSetMiB: 48, dirtyMiBps: 2 };
const PAIRS = 5;
const ABORTS = 40;
const STARTS = 5;

interface Move {
  readonly tookMs: number;
  readonly standstillMs: number;
}

export const overhead: Bench = async (options) => {
  const plane = await startLabPlane();
  try {
    const guest = await plane.source.startGuest(GUEST);
    await plane.untilServerIsOn(GUEST.name, plane.source);
    const { virsh, drover } = await measureMoves(plane, guest, options);
    const abortMs = await measureAborts(plane, options);
    const agentRssMiB = rssMiB(plane.drover.agents[0]?.identity?.pid);
    const starts = await measureStarts(options);

    const extraMs = drover.map((move, index) => move.tookMs - (virsh[index]?.tookMs ?? Number.NaN));
    const { say } = options;
    say(
      `virsh migrate            ${spread(
        virsh.map((move) => move.tookMs),
        "ms",
      )}`,
    );
    say(
      `drover, POST → completed ${spread(
        drover.map((move) => move.tookMs),
        "ms",
      )}`,
    );
    say(`drover more than virsh   ${spread(extraMs, "ms")}, pair by pair`);
    say(
      `standstill with virsh    ${spread(
        virsh.map((move) => move.standstillMs),
        "ms",
      )}`,
    );
    say(
      `standstill with drover   ${spread(
        drover.map((move) => move.standstillMs),
        "ms",
      )}`,
    );
    say(`abort, request → libvirt ${spread(abortMs, "ms")}, p99 ${round(quantile(abortMs, 0.99))} ms`);
    say(
      `standalone, start        ${spread(
        starts.map((start) => start.tookMs),
        "ms",
      )}`,
    );
    return {
      figures: {
        median_extra_ms: round(median(extraMs)),
        virsh_median_ms: round(median(virsh.map((move) => move.tookMs))),
        drover_median_ms: round(median(drover.map((move) => move.tookMs))),
        virsh_standstill_ms: round(median(virsh.map((move) => move.standstillMs))),
        drover_standstill_ms: round(median(drover.map((move) => move.standstillMs))),
        abort_p50_ms: round(median(abortMs)),
        abort_p99_ms: round(quantile(abortMs, 0.99)),
        agent_rss_mib: round(agentRssMiB),
        standalone_start_ms: round(median(starts.map((start) => start.tookMs))),
        standalone_rss_mib: round(median(starts.map((start) => start.rssMiB))),
      },
      ratios: {
        standstill_vs_virsh:
          Math.round(
            (median(drover.map((move) => move.standstillMs)) / median(virsh.map((move) => move.standstillMs))) * 100,
          ) / 100,
      },
    };
  } finally {
    await plane[Symbol.asyncDispose]();
  }
};

/** Pairs in both orders and both directions, so that neither has the warmer cache or the better host. */
async function measureMoves(plane: LabPlane, guest: LabGuest, { runs = PAIRS, say }: BenchOptions) {
  const virsh: Move[] = [];
  const drover: Move[] = [];
  let [from, to] = [plane.source, plane.destination];
  // The first move of each kind warms libvirtd, QEMU's pages and the processes' code; it is not counted.
  for (let pair = -1; pair < runs; pair++) {
    const kinds = pair % 2 === 0 ? (["virsh", "drover"] as const) : (["drover", "virsh"] as const);
    for (const kind of kinds) {
      const move = await (kind === "virsh" ? moveByVirsh : moveByDrover)(plane, guest, from, to);
      if (pair >= 0) (kind === "virsh" ? virsh : drover).push(move);
      say(
        `${pair < 0 ? "warm-up" : `pair ${pair + 1}`}: ${kind} ${round(move.tookMs)} ms, stood still ${round(move.standstillMs)} ms`,
      );
      await plane.untilServerIsOn(guest.name, to);
      [from, to] = [to, from];
    }
  }
  return { virsh, drover };
}

/** As its best user would: one command, the flags and the address that Drover uses too. */
async function moveByVirsh(_plane: LabPlane, guest: LabGuest, from: LabHost, to: LabHost): Promise<Move> {
  return await watched(guest, from, to, async () => {
    const before = performance.now();
    await from.virsh(
      "migrate",
      "--live",
      "--p2p",
      "--persistent",
      "--undefinesource",
      "--migrateuri",
      `tcp://${to.migrationAddress}`,
      "--listen-address",
      to.migrationAddress,
      guest.name,
      to.tcpUri,
    );
    return performance.now() - before;
  });
}

/** From the request to the end that the record states: no time is lost to asking. */
async function moveByDrover(plane: LabPlane, guest: LabGuest, from: LabHost, to: LabHost): Promise<Move> {
  return await watched(guest, from, to, async () => {
    const before = Date.now();
    const { migration } = await plane.client.migrate(guest.name, { host: to.name });
    const ended = await plane.untilMigration(migration.id, "over", isOver);
    if (ended.status !== "completed" || ended.endedAt === null) throw new Error(`${ended.status}: ${ended.reason}`);
    return Date.parse(ended.endedAt) - before;
  });
}

async function watched(guest: LabGuest, from: LabHost, to: LabHost, move: () => Promise<number>): Promise<Move> {
  using watch = watchStandstill(guest, from, to);
  // Enough of its beats before the move to know its clock by.
  const counter = guest.readConsole(from)?.counter ?? 0;
  await guest.waitForCounter(counter + 2, { host: from });
  const tookMs = await move();
  const { standstillMs } = await watch.result();
  return { tookMs, standstillMs };
}

/** A guest that never converges is asked to move and called off again and again. */
async function measureAborts(plane: LabPlane, { say }: BenchOptions): Promise<number[]> {
  const name = "called-off";
  const guest = await plane.source.startGuest({ name, memoryMiB: 192, workingSetMiB: 64, dirtyMiBps: 100 });
  await plane.untilServerIsOn(name, plane.source);
  const agent = plane.drover.agents.find((process) => process.hostName === plane.source.name);
  await plane.source.limitBandwidth("migration", 20);
  const samples: number[] = [];
  for (let run = 0; run < ABORTS; run++) {
    const { migration } = await plane.client.migrate(name);
    await plane.untilMigration(migration.id, "running", ({ progress }) => (progress?.memoryTotalBytes ?? 0) > 0);
    const askedMs = Date.now();
    await plane.client.abort(migration.id);
    const sentMs = await waitFor(
      "the agent to have called it off",
      () => abortSentMs(agent?.log() ?? "", migration.uuid),
      {
        intervalMs: 20,
      },
    );
    samples.push(sentMs - askedMs);
    await plane.untilMigration(migration.id, "over", isOver);
    if (run % 10 === 9) say(`aborts: ${run + 1} of ${ABORTS}`);
  }
  await guest.origin.virsh("destroy", name);
  return samples;
}

/** When the agent's log says that libvirt had taken the abort. */
function abortSentMs(log: string, migrationId: string): number | undefined {
  const line = log.split("\n").find((entry) => entry.includes(migrationId) && entry.includes('"event":"abort-sent"'));
  return line === undefined ? undefined : Date.parse(JSON.parse(line).time);
}

async function measureStarts({ say }: BenchOptions): Promise<{ tookMs: number; rssMiB: number }[]> {
  const main = fileURLToPath(import.meta.resolve("@drover/standalone/main"));
  const samples = [];
  for (let run = 0; run < STARTS; run++) {
    const folder = mkdtempSync(join(tmpdir(), "drover-bench-"));
    const port = await freePort();
    const before = performance.now();
    const env = { ...process.env, DROVER_DATA_DIR: folder, DROVER_API_PORT: String(port) };
    const child = spawn(process.execPath, [main], { env, stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    try {
      await waitFor("standalone to be ready", async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok, {
        intervalMs: 5,
      });
      samples.push({ tookMs: performance.now() - before, rssMiB: rssMiB(child.pid) });
    } finally {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    }
  }
  say(`standalone: ${STARTS} starts`);
  return samples;
}
