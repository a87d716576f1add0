import type { HeldMigration, reportHeldMigrations } from "@drover/contracts";
import { IN_PROGRESS, isHostUp, type Migration, TERMINAL } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { STEP_OF_THE_COPY } from "../migration/live-migrate-order.ts";

type Report = ReturnType<(typeof reportHeldMigrations.request)["parse"]>;
type Verdict = ReturnType<(typeof reportHeldMigrations.response)["parse"]>["verdicts"][number];

/** What a record is written with that nobody asked this database for. */
const NOBODY = "unknown: the record was lost";

/** Agents raise it by one with each command: a record made again is beyond all that they have seen. */
const ADOPTED_RAISE = 1_000_000;

/**
 * Tells an agent what became of the migrations that its file still has something of. One that it started and that no record
 * knows is recorded again as `unknown`: the database lost it, and both hosts are asked where the guest is.
 */
export async function judgeHeldMigrations(context: ConductorContext, { host, held }: Report): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const one of held) {
    const record = await context.store.migrations.get(one.migrationUuid);
    const runsOn = await otherThatRuns(context, host, one.serverUuid);
    verdicts.push({
      migrationUuid: one.migrationUuid,
      verdict: record === undefined ? await adopt(context, host, one) : verdictOf(record),
      runsElsewhere: runsOn !== null,
      runsOn,
    });
  }
  return verdicts;
}

function verdictOf({ state }: Migration): Verdict["verdict"] {
  return TERMINAL.has(state) ? "over" : "in-progress";
}

async function adopt(
  context: ConductorContext,
  host: string,
  { migrationUuid, serverUuid, started }: HeldMigration,
): Promise<Verdict["verdict"]> {
  if (started === null) return "no-record";
  const { generation, startedAtMs, flags, policy, serverName, destinationHost, memoryKiB } = started;
  // An agent may speak of its own guests, and of those that it has sent away: no other server is held up by its word.
  const sightings = await context.store.guests.byServer(serverUuid);
  if (!sightings.some((seen) => seen.host === host || seen.host === destinationHost)) return "no-record";
  const message = `the agent of ${host} started it, and the database does not know it: recorded again`;
  const record = await context.store.migrations.adopt(
    {
      uuid: migrationUuid,
      serverUuid,
      serverName,
      sourceHost: host,
      destinationHost,
      requestedHost: null,
      memoryKiB,
      policy,
      flags,
      step: STEP_OF_THE_COPY,
      generation: generation + ADOPTED_RAISE,
      outputs: { move: { generation, notAfterMs: startedAtMs } },
      startedAt: new Date(startedAtMs),
      requestedBy: NOBODY,
      projectId: NOBODY,
      requestId: NOBODY,
    },
    { event: "adopted", message },
  );
  // Another conductor was first, or the server has another migration: when that is over, the agent asks again.
  if (record === undefined) return "in-progress";
  context.logger.warn({ migrationId: migrationUuid, host }, "a migration that the database had lost is recorded again");
  context.signals.changed(migrationUuid);
  return "in-progress";
}

/** Another host that is up and runs the server; null if none does. */
async function otherThatRuns(
  { store, clock }: ConductorContext,
  host: string,
  serverUuid: string,
): Promise<string | null> {
  // While it moves, what stands still somewhere may be what the migration is about.
  const [moving] = await store.migrations.list({ serverUuid, states: [...IN_PROGRESS], limit: 1 });
  if (moving !== undefined) return null;
  for (const sighting of await store.guests.byServer(serverUuid)) {
    // One that stands still may be the copy that has to go, as much as the one that asks.
    if (sighting.host === host || sighting.powerState !== "running" || sighting.migrating) continue;
    const known = await store.hosts.get(sighting.host);
    if (known !== undefined && isHostUp(known, clock.now())) return sighting.host;
  }
  return null;
}
