import { randomUUID } from "node:crypto";
import type { MigrationPreflightView } from "@drover/contracts";
import { errorChain, failedChecks, isDroverError, type PreCheck, type Server } from "@drover/model";
import { type ClaimLimits, claimRefusal, type DestinationClaim } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";
import {
  type Asking,
  askScheduler,
  type CheckedHost,
  checkDestination,
  checkSource,
  endProofs,
  type MoveQuestion,
  type SchedulerAnswer,
  type SourceAnswer,
} from "../migration/ask-hosts.ts";
import { cannotLeave, noHostLeft, reasonsOf, whyPreferred } from "../migration/no-destination.ts";
import {
  checkDestinationIsUp,
  checkItIsElsewhere,
  checkSourceIsUp,
  checksOfServer,
  type RequestCheck,
  whereItIsNow,
} from "../requests/request-checks.ts";
import { inParallel } from "./in-parallel.ts";
import type { Departing, PlannedDepartures } from "./planned-departures.ts";

type HostPreflight = MigrationPreflightView["hosts"][number];

/** Agents asked side by side: a fleet of a thousand answers within seconds, and no burst hides other calls. */
const HOSTS_ASKED_TOGETHER = 32;

/** These say that a host was not meant (`requested-host` is an older scheduler's), or is not there to be asked: its agent is left alone. */
const NOT_MEANT = new Set(["requested-host", "different-host"]);
const NOT_THERE = new Set(["compute"]);

/** How the preflight is to be made. */
export interface PreflightOptions {
  /** Only this destination. */
  readonly host: string | null;
  /** Stop at the best hosts that can take the server, as a migration does. Otherwise every host is asked. */
  readonly untilFit: boolean;
  /** Where others are to go, who take their room with them. @default nobody */
  readonly plan?: PlannedDepartures;
}

/** The report, and what it does not show. */
export interface ServerPreflight extends MigrationPreflightView {
  /** Memory that the chosen host has for this server alone, KiB; 0 without one. */
  readonly memoryLeftKiB: number;
}

/** A server that is in a migration is not moved by a second one. */
interface MovableServer extends Server, Departing {
  readonly migration: { readonly id: number } | null;
}

/**
 * Asks everything that a migration of `server` would ask, and reports all of it; nothing is claimed or changed.
 *
 * @throws {DroverError} `not-found` for an unknown destination, `bad-request` when the server is there already,
 *   `unavailable` when no scheduler answers.
 */
export async function preflightServer(
  context: ConductorContext,
  asking: Asking,
  server: MovableServer,
  { host: requestedHost, untilFit, plan }: PreflightOptions,
): Promise<ServerPreflight> {
  const sourceHost = await whereItIsNow(context.store, server);
  const move: MoveQuestion = {
    uuid: randomUUID(),
    serverUuid: server.uuid,
    serverName: server.name,
    sourceHost,
    requestedHost,
    memoryKiB: server.memoryKiB,
    blockMigration: null,
  };
  if (requestedHost !== null) {
    refuseWrongWord(checkItIsElsewhere(server, sourceHost, requestedHost));
    refuseWrongWord(await checkDestinationIsUp(context, server, requestedHost));
  }
  const known = [
    ...checksOfServer(server),
    notMigrating(server),
    await checkSourceIsUp(context, server, sourceHost),
  ].map(({ check, passed, message }) => ({ check, passed, message }));
  // A guest that does not run, or whose agent is silent, has no answer to give.
  const source = failedChecks(known).length > 0 ? undefined : await askSource(asking, move);
  const checks = [...known, ...(source?.checks ?? [])];
  const requirements = source?.requirements ?? null;
  const besides = (host: string, memoryLeftKiB: number) => plan?.checks(host, server, memoryLeftKiB) ?? [];
  try {
    const asked = await askHosts(context, asking, move, requirements, untilFit, besides);
    const report = verdict(move, checks, asked);
    const memoryLeftKiB = report.chosenHost === null ? 0 : (asked.memoryLeftKiB.get(report.chosenHost) ?? 0);
    return { server: { uuid: server.uuid, name: server.name }, ...report, memoryLeftKiB };
  } finally {
    await endProofs(asking, move, requirements?.proofs);
  }
}

/** A name that is wrong is the caller's mistake, not an answer about the server. */
function refuseWrongWord({ refusal }: RequestCheck): void {
  if (isDroverError(refusal, "not-found") || isDroverError(refusal, "bad-request")) throw refusal;
}

function notMigrating({ name, migration }: MovableServer): PreCheck {
  if (migration === null) return { check: "not-migrating", passed: true, message: `${name} is in no migration` };
  return { check: "not-migrating", passed: false, message: `${name} is in migration ${migration.id} already` };
}

async function askSource(asking: Asking, move: MoveQuestion): Promise<SourceAnswer> {
  try {
    return await checkSource(asking, move);
  } catch (error) {
    if (asking.signal.aborted || isDroverError(error, "unavailable")) throw error;
    return { checks: [{ check: "agent-answers", passed: false, message: errorChain(error) }], requirements: null };
  }
}

interface AskedHosts {
  /** The best first; with `untilFit` only up to the first that can take the server. */
  readonly hosts: readonly HostPreflight[];
  /** How many the scheduler let pass, asked or not. */
  readonly candidates: number;
  /** What those that were asked have for guests, less what others have claimed, KiB. */
  readonly memoryLeftKiB: ReadonlyMap<string, number>;
}

async function askHosts(
  context: ConductorContext,
  asking: Asking,
  move: MoveQuestion,
  requirements: SourceAnswer["requirements"],
  untilFit: boolean,
  besides: (host: string, memoryLeftKiB: number) => readonly PreCheck[],
): Promise<AskedHosts> {
  const [selection, claims, known] = await Promise.all([
    askScheduler(asking, move, { everyReason: true }),
    context.store.claims.list(),
    context.store.hosts.list(),
  ]);
  const ownLimits = new Map(known.map(({ facts, maxIncomingMigrations }) => [facts.host, maxIncomingMigrations]));
  const entries = entriesOf(selection);
  const claimsOn = Map.groupBy(claims, (claim) => claim.host);
  const memoryLeftKiB = new Map<string, number>();
  const ask = async (entry: HostPreflight): Promise<HostPreflight> => {
    if (entry.checks.some(({ check }) => NOT_THERE.has(check))) return judged(entry, []);
    if (requirements === null) return entry.rank === null ? judged(entry, []) : { ...entry, verdict: "not-asked" };
    const answer = await checkDestination(asking, move, entry.host, requirements);
    const others = claimsOn.get(entry.host) ?? [];
    const maxIncoming = ownLimits.get(entry.host) ?? context.config.max_concurrent_incoming_migrations;
    const leftKiB = answer.memoryAvailableKiB - others.reduce((sum, claim) => sum + claim.memoryKiB, 0);
    memoryLeftKiB.set(entry.host, leftKiB);
    return judged(entry, [
      ...answer.checks,
      ...claimChecks(move, answer, others, maxIncoming),
      ...besides(entry.host, leftKiB),
    ]);
  };
  const candidates = selection.candidates.length;
  if (!untilFit) return { hosts: await inParallel(entries, HOSTS_ASKED_TOGETHER, ask), candidates, memoryLeftKiB };
  const asked: HostPreflight[] = [];
  for (const entry of entries) {
    // What a filter rejects needs no agent's word where only the verdict is wanted.
    asked.push(entry.rank === null ? judged(entry, []) : await ask(entry));
    if (requirements === null || asked.at(-1)?.verdict === "fit") break;
  }
  return { hosts: asked, candidates, memoryLeftKiB };
}

/** The ranked hosts, then those that fell out, each with its filters as failed checks. */
function entriesOf({ candidates, eliminated }: SchedulerAnswer): readonly HostPreflight[] {
  const out = Map.groupBy(eliminated, (entry) => entry.host);
  const ranked = candidates.map(
    ({ host, weight, weights }, index): HostPreflight => ({
      host,
      verdict: "fit",
      rank: index + 1,
      weight,
      weights,
      checks: [{ check: "scheduler", passed: true, message: `no filter of the scheduler rejects ${host}` }],
    }),
  );
  const rejected = [...out]
    .filter(([, reasons]) => !reasons.some(({ by }) => NOT_MEANT.has(by)))
    .map(
      ([host, reasons]): HostPreflight => ({
        host,
        verdict: "unfit",
        rank: null,
        weight: null,
        weights: [],
        checks: reasons.map(({ by, reason }) => ({ check: by, passed: false, message: reason })),
      }),
    );
  return [...ranked, ...rejected];
}

const SLOT_CHECK = "incoming-slot-free";

/** What the store would answer to a claim. */
function claimChecks(
  move: MoveQuestion,
  { host, memoryAvailableKiB }: CheckedHost,
  others: readonly DestinationClaim[],
  maxIncoming: number,
): readonly PreCheck[] {
  // A silent host has said nothing of its memory.
  if (memoryAvailableKiB === 0) return [];
  const limits: ClaimLimits = { memoryKiB: memoryAvailableKiB, maxIncoming };
  const refusal = claimRefusal({ migrationUuid: move.uuid, host, memoryKiB: move.memoryKiB }, others, limits);
  const full = refusal?.details.limit === "maxIncoming";
  return [
    full
      ? { check: SLOT_CHECK, passed: false, message: refusal.message }
      : {
          check: SLOT_CHECK,
          passed: true,
          message: `${host} takes in ${others.length} migrations of ${limits.maxIncoming} allowed`,
        },
    refusal === undefined || full
      ? { check: "memory-claimable", passed: true, message: `migrations on their way leave ${host} enough memory` }
      : { check: "memory-claimable", passed: false, message: refusal.message },
  ];
}

function judged(entry: HostPreflight, checks: readonly PreCheck[]): HostPreflight {
  const all = [...entry.checks, ...checks];
  const failed = failedChecks(all);
  const busy = failed.length > 0 && failed.every(({ check }) => check === SLOT_CHECK);
  return { ...entry, checks: all, verdict: failed.length === 0 ? "fit" : busy ? "busy" : "unfit" };
}

function verdict(
  move: MoveQuestion,
  checks: readonly PreCheck[],
  { hosts, candidates }: AskedHosts,
): Omit<MigrationPreflightView, "server"> {
  const failed = failedChecks(checks);
  const ranked = hosts.filter(({ rank }) => rank !== null);
  const chosen = ranked.find((host) => host.verdict === "fit") ?? ranked.find((host) => host.verdict === "busy");
  const canMove = failed.length === 0 && chosen !== undefined;
  const { sourceHost, requestedHost } = move;
  return {
    sourceHost,
    requestedHost,
    canMove,
    chosenHost: canMove ? chosen.host : null,
    reason: canMove
      ? whyChosen(move, chosen, candidates)
      : failed.length > 0
        ? cannotLeave(move, failed).message
        : noHostLeft(move, eliminatedOf(hosts)).message,
    checks: [...checks],
    hosts: [...hosts],
  };
}

function whyChosen(move: MoveQuestion, chosen: HostPreflight, candidates: number): string {
  const why = move.requestedHost === null ? whyPreferred(chosen.weights, candidates) : "it was asked for";
  if (chosen.verdict === "fit") return `${move.serverName} can move to ${chosen.host}: ${why}`;
  return `${move.serverName} would wait for ${chosen.host}: ${reasonsOf(eliminatedOf([chosen]))}`;
}

function eliminatedOf(hosts: readonly HostPreflight[]) {
  return hosts.flatMap(({ host, checks }) =>
    failedChecks(checks).map(({ check, message }) => ({ host, by: check, reason: message })),
  );
}
