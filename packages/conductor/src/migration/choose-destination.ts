import type { GuestRequirements } from "@drover/contracts";
import {
  type DroverError,
  type EliminatedHost,
  errorChain,
  failedChecks,
  isDroverError,
  type Migration,
} from "@drover/model";
import type { ServersApart } from "@drover/store";
import { rpcContextOf } from "../conductor-context.ts";
import {
  type Asking,
  askScheduler,
  type CheckedHost,
  checkDestination,
  checkSource,
  endProofs,
  type SchedulerAnswer,
} from "./ask-hosts.ts";
import { cannotLeave, noHostLeft, reasonsOf, unnamedOf, whyPreferred } from "./no-destination.ts";
import type { StepContext, StepResult } from "./step.ts";

/** The best so many candidates are checked side by side; the rest is asked only when all of them fall out. */
const CANDIDATES_CHECKED_TOGETHER = 5;

/** One of the best so many is nearly always chosen: only when none of them is, all of a fleet are asked for. */
const CANDIDATES_AT_FIRST = 50;

/**
 * Finds the best host that can take the guest, and claims memory and an inbound slot on it. Only so many look at the same time.
 *
 * @throws {DroverError} `pre-check-failed` with every failed check, `no-eligible-host` with why each host fell out,
 *   `unavailable` when no scheduler answers.
 */
export async function chooseDestination(context: StepContext, migration: Migration): Promise<StepResult> {
  return await context.choices.inTurn(context.signal, () => choose(context, migration));
}

async function choose(context: StepContext, migration: Migration): Promise<StepResult> {
  // Where a choice was made and not recorded, its claim would stand in the way of this one.
  await context.store.claims.release(migration.uuid, migration);
  const asking = askingOf(context, migration);
  const selecting = askScheduler(asking, migration, { limit: CANDIDATES_AT_FIRST });
  // Where the source refuses, nobody waits for it.
  selecting.catch(() => {});
  const requirements = await requireSource(asking, migration);
  let isChosen = false;
  try {
    const result = await chooseFrom(await selecting, context, migration, requirements);
    isChosen = result.kind === "done";
    return result;
  } finally {
    // The one that is chosen looks once more when it prepares.
    if (!isChosen) await endProofs(asking, migration, requirements.proofs);
  }
}

async function chooseFrom(
  first: SchedulerAnswer,
  context: StepContext,
  migration: Migration,
  requirements: GuestRequirements,
): Promise<StepResult> {
  const tried: Tried = { hosts: new Set(), waitsForHosts: [], eliminated: [] };
  let selection = first;
  let claimed = await claimOneOf(selection, context, migration, requirements, tried);
  const { candidates, passed = candidates.length } = selection;
  if (claimed === undefined && passed > candidates.length) {
    selection = await askScheduler(askingOf(context, migration), migration, {});
    claimed = await claimOneOf(selection, context, migration, requirements, tried);
  }
  if (claimed !== undefined) return claimed;
  const { waitsForHosts } = tried;
  const eliminated = [...selection.eliminated, ...tried.eliminated];
  const unnamed = unnamedOf(selection);
  // Such a host is busy, not unfit: the migration waits for it, and blocks nobody else at its source.
  if (waitsForHosts.length > 0) {
    return {
      kind: "queue",
      hosts: waitsForHosts,
      message: `waits for a host to take in ${migration.serverName}: ${reasonsOf(eliminated, unnamed)}`,
    };
  }
  throw noHostLeft(migration, eliminated, unnamed);
}

/** What came of the candidates so far. */
interface Tried {
  readonly hosts: Set<string>;
  readonly waitsForHosts: string[];
  readonly eliminated: EliminatedHost[];
}

/** The candidates that were not tried before, the best first; undefined when none of them can be had. */
async function claimOneOf(
  { candidates, passed = candidates.length }: SchedulerAnswer,
  context: StepContext,
  migration: Migration,
  requirements: GuestRequirements,
  tried: Tried,
): Promise<StepResult | undefined> {
  const asking = askingOf(context, migration);
  const apart = await serversApart(context, migration);
  const ranked = candidates.filter(({ host }) => !tried.hosts.has(host)).map(({ host }) => host);
  const weightsOf = new Map(candidates.map(({ host, weights }) => [host, weights]));
  for (let from = 0; from < ranked.length; from += CANDIDATES_CHECKED_TOGETHER) {
    const group = ranked.slice(from, from + CANDIDATES_CHECKED_TOGETHER);
    const checked = await Promise.all(group.map((host) => checkDestination(asking, migration, host, requirements)));
    for (const candidate of checked) {
      const { host } = candidate;
      tried.hosts.add(host);
      const failed = rejectionOf(candidate);
      const claim = failed === undefined ? await tryClaim(context, migration, candidate, apart) : undefined;
      if (claim === "claimed") {
        const { disks, proofs } = requirements;
        return {
          kind: "done",
          change: {
            destinationHost: host,
            outputs: { ...migration.outputs, disks, proofs: proofs ?? [] },
            waitsForHosts: [],
          },
          message: `${host} passed every check and is claimed: ${whyPreferred(weightsOf.get(host) ?? [], passed)}`,
        };
      }
      if (claim?.details.limit === "maxIncoming") tried.waitsForHosts.push(host);
      // Whoever is before it may be another conductor's, and need not have heard that there is a slot.
      if (typeof claim?.details.next === "string") context.signals.hasItsTurn(claim.details.next);
      tried.eliminated.push(...(failed ?? [{ host, by: "claim", reason: errorChain(claim) }]));
    }
  }
  return undefined;
}

/** The undo: memory and slot are free again, and the source keeps nothing that was made for the checks. */
export async function releaseClaim(context: StepContext, migration: Migration): Promise<string> {
  const { bus } = context;
  await endProofs({ bus, context: rpcContextOf(migration) }, migration, migration.outputs.proofs);
  await context.store.claims.release(migration.uuid);
  context.signals.wake("incoming");
  return "the claim on the destination is released";
}

function askingOf({ bus, store, signal }: StepContext, migration: Migration): Asking {
  return { bus, store, signal, context: rpcContextOf(migration) };
}

async function requireSource(asking: Asking, migration: Migration): Promise<GuestRequirements> {
  const { checks, requirements } = await checkSource(asking, migration);
  const failed = failedChecks(checks);
  if (failed.length > 0 || requirements === null) throw cannotLeave(migration, failed);
  return requirements;
}

function rejectionOf(candidate: CheckedHost): readonly EliminatedHost[] | undefined {
  const failed = failedChecks(candidate.checks);
  if (failed.length === 0) return undefined;
  return failed.map((check) => ({ host: candidate.host, by: check.check, reason: check.message }));
}

/** The scheduler looked at the group before; of two that were told the same host, the claim lets one in. */
async function serversApart({ store }: StepContext, { serverUuid }: Migration): Promise<ServersApart | undefined> {
  const group = await store.serverGroups.ofServer(serverUuid);
  if (group?.policy !== "anti-affinity") return undefined;
  const servers = group.servers.filter((uuid) => uuid !== serverUuid);
  return { group: group.name, servers, maxPerHost: group.maxServersPerHost };
}

/** "claimed", or the refusal that names the limit in the way. */
async function tryClaim(
  context: StepContext,
  migration: Migration,
  candidate: CheckedHost,
  apart: ServersApart | undefined,
): Promise<"claimed" | DroverError> {
  try {
    await context.claims.inTurn(context.signal, () =>
      context.store.claims.claim(
        { migrationUuid: migration.uuid, host: candidate.host, memoryKiB: migration.memoryKiB },
        {
          memoryKiB: candidate.memoryAvailableKiB,
          maxIncoming: context.config.max_concurrent_incoming_migrations,
          maxOutgoing: context.config.max_concurrent_live_migrations,
          apart,
        },
      ),
    );
    return "claimed";
  } catch (error) {
    if (!isDroverError(error, "refused")) throw error;
    return error;
  }
}
