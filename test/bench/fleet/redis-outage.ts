/**
 * Redis gone for a whole minute while 1,000 migrations are under way: half of them arrive meanwhile, the others go on. None may be lost
 * or stopped by it, and fresh numbers are shown soon after Redis is back.
 */
import type { MigrationView } from "@drover/api-client";
import { systemClock } from "@drover/model";
import { waitFor } from "@drover/testkit";
import { type FleetPlane, type HostProcess, requestMoves, startFleetPlane } from "../../fleet/fleet-plane.ts";
import type { Bench } from "../bench.ts";
import { round } from "../bench.ts";
import { migrationsLeft, requireCompleted } from "./recorded-moves.ts";

const HOSTS_PER_PROCESS = 250;
const GUESTS_PER_HOST = 2;
/** A copy lasts for minutes unless it is let go. */
const HELD_BACK_MIBPS = 12;
const LET_GO_MIBPS = 2_000;
const OUTAGE_MS = 60_000;
const FRESH_MS = 2_000;
const PATIENCE = { deadlineMs: 300_000, intervalMs: 500 };

export const redisOutage: Bench = async ({ say }) => {
  await using plane = await startFleetPlane({
    ...{ processes: 2, hostsPerProcess: HOSTS_PER_PROCESS, guestsPerHost: GUESTS_PER_HOST, linkMiBps: HELD_BACK_MIBPS },
    env: { DROVER_CONDUCTOR_MAX_CONCURRENT_MIGRATIONS: "100000" },
  });
  const [first, second] = plane.hostProcesses as [HostProcess, HostProcess];
  const count = first.moves.length + second.moves.length;
  await requestMoves(plane.client, [...first.moves, ...second.moves]);
  await untilFresh(plane, count);
  say(`${count} migrations are under way and watched`);

  await plane.redis.kill9();
  const goneAtMs = performance.now();
  await first.setLinks(LET_GO_MIBPS);
  await waitFor("half to be over", async () => (await migrationsLeft(plane)) <= second.moves.length, PATIENCE);
  const halfOverS = round((performance.now() - goneAtMs) / 1_000);
  await systemClock.sleep(Math.max(0, OUTAGE_MS - (performance.now() - goneAtMs)));
  const stopped = (await migrationsLeft(plane)) - second.moves.length;
  if (stopped !== 0) throw new Error(`${-stopped} migrations that were held back are over`);
  await plane.redis.start();
  const backAtMs = performance.now();
  await untilFresh(plane, second.moves.length);
  const freshAfterS = round((performance.now() - backAtMs) / 1_000);
  await second.setLinks(LET_GO_MIBPS);
  await waitFor("all to be over", async () => (await migrationsLeft(plane)) === 0, PATIENCE);
  await requireCompleted(plane, count);
  const held = (await Promise.all(plane.hostProcesses.map((process) => process.state()))).flatMap(
    (state) => state.held,
  );
  const claims = await plane.store.claims.list();
  if (held.length + claims.length > 0)
    throw new Error(`something is held still: ${held[0] ?? claims[0]?.migrationUuid}`);
  say(
    `Redis was away for ${OUTAGE_MS / 1_000} s: ${first.moves.length} migrations completed within ${halfOverS} s of it, ` +
      `${second.moves.length} went on; their numbers were fresh ${freshAfterS} s after its return, and all completed`,
  );
  return {
    figures: {
      outage_migrations: count,
      outage_completed_without_redis: first.moves.length,
      outage_completed_within_s: halfOverS,
      outage_fresh_after_s: freshAfterS,
      outage_lost: 0,
    },
    ratios: {},
  };
};

/** So many run, and the API has numbers of each that are no older than two observations and a request. */
async function untilFresh({ client }: FleetPlane, count: number): Promise<void> {
  const isFresh = ({ state, progress }: MigrationView) =>
    state === "running" && progress?.source === "cache" && progress.ageMs < FRESH_MS;
  await waitFor(
    `${count} migrations to run with fresh numbers`,
    async () => {
      const { migrations } = await client.migrations({ limit: 1_000 });
      const fresh = migrations.filter(isFresh).length;
      if (fresh < count) throw new Error(`${fresh} have`);
      return true;
    },
    PATIENCE,
  );
}
