import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  type GuestRequirements,
  selectDestinations,
} from "@drover/contracts";
import {
  DroverError,
  type EliminatedHost,
  errorChain,
  failedChecks,
  isDroverError,
  type Migration,
  type PreCheck,
} from "@drover/model";
import { rpcContextOf } from "../conductor-context.ts";
import type { StepContext, StepResult } from "./step.ts";

/** The best so many candidates are checked side by side; the rest is asked only when all of them fall out. */
const CANDIDATES_CHECKED_TOGETHER = 5;

interface CheckedHost {
  readonly host: string;
  readonly checks: readonly PreCheck[];
  readonly memoryAvailableKiB: number;
}

/**
 * Finds the best host that can take the guest, and claims memory and an inbound slot on it.
 *
 * @throws {DroverError} `pre-check-failed` with every failed check, `no-eligible-host` with why each host fell out,
 *   `unavailable` when no scheduler answers.
 */
export async function chooseDestination(context: StepContext, migration: Migration): Promise<StepResult> {
  const [selection, requirements] = await Promise.all([
    askScheduler(context, migration),
    checkSource(context, migration),
  ]);
  const eliminated: EliminatedHost[] = [...selection.eliminated];
  let waitsForSlot = false;
  const ranked = selection.candidates.map((candidate) => candidate.host);
  for (let from = 0; from < ranked.length; from += CANDIDATES_CHECKED_TOGETHER) {
    const group = ranked.slice(from, from + CANDIDATES_CHECKED_TOGETHER);
    const checked = await Promise.all(group.map((host) => checkDestination(context, migration, host, requirements)));
    for (const candidate of checked) {
      const failed = rejectionOf(candidate);
      const claim = failed === undefined ? await tryClaim(context, migration, candidate) : undefined;
      if (claim === "claimed") {
        return {
          kind: "done",
          change: {
            destinationHost: candidate.host,
            outputs: { ...migration.outputs, disks: requirements.disks },
          },
          message: `${candidate.host} passed every check and is claimed`,
        };
      }
      waitsForSlot ||= claim !== undefined && claim.details.limit === "maxIncoming";
      eliminated.push(...(failed ?? [{ host: candidate.host, by: "claim", reason: errorChain(claim) }]));
    }
  }
  // Such a host is busy, not unfit: the migration waits for it, and blocks nobody else at its source.
  if (waitsForSlot) {
    return { kind: "queue", message: `waits for a host to take in ${migration.serverName}: ${reasonsOf(eliminated)}` };
  }
  throw noneLeft(migration, eliminated);
}

/** The undo: memory and slot are free again. */
export async function releaseClaim(context: StepContext, migration: Migration): Promise<string> {
  await context.store.claims.release(migration.uuid);
  context.signals.wake("incoming");
  return "the claim on the destination is released";
}

async function askScheduler(context: StepContext, migration: Migration) {
  const [server] = (await context.store.guests.byServer(migration.serverUuid)).filter(
    (sighting) => sighting.host === migration.sourceHost,
  );
  try {
    return await context.bus.call(
      selectDestinations,
      {
        serverUuid: migration.serverUuid,
        serverName: migration.serverName,
        memoryKiB: migration.memoryKiB,
        vcpus: server?.vcpus ?? 1,
        sourceHost: migration.sourceHost,
        requestedHost: migration.requestedHost,
      },
      { context: rpcContextOf(migration), signal: context.signal },
    );
  } catch (error) {
    // Not the caller's fault and not this migration's: it waits for a scheduler instead of failing.
    if (!isDroverError(error, "agent-unreachable") && !isDroverError(error, "deadline-exceeded")) throw error;
    throw new DroverError("unavailable", "no scheduler answers", { cause: error });
  }
}

async function checkSource(context: StepContext, migration: Migration): Promise<GuestRequirements> {
  const { checks, requirements } = await context.bus.call(
    checkCanLiveMigrateSource,
    {
      migrationUuid: migration.uuid,
      serverUuid: migration.serverUuid,
      serverName: migration.serverName,
      blockMigration: migration.blockMigration,
    },
    { server: migration.sourceHost, context: rpcContextOf(migration), signal: context.signal },
  );
  const failed = failedChecks(checks);
  if (failed.length > 0 || requirements === null) throw preCheckFailed(migration, migration.sourceHost, failed);
  return requirements;
}

async function checkDestination(
  context: StepContext,
  migration: Migration,
  host: string,
  requirements: GuestRequirements,
): Promise<CheckedHost> {
  try {
    const answer = await context.bus.call(
      checkCanLiveMigrateDestination,
      {
        migrationUuid: migration.uuid,
        serverUuid: migration.serverUuid,
        serverName: migration.serverName,
        sourceHost: migration.sourceHost,
        requirements,
      },
      { server: host, context: rpcContextOf(migration), signal: context.signal },
    );
    return { host, ...answer };
  } catch (error) {
    // One silent candidate is that host's answer; a stop or a change of the record is not.
    if (context.signal.aborted || isDroverError(error, "unavailable")) throw error;
    const check = { check: "agent-answers", passed: false, message: errorChain(error) };
    return { host, checks: [check], memoryAvailableKiB: 0 };
  }
}

function rejectionOf(candidate: CheckedHost): readonly EliminatedHost[] | undefined {
  const failed = failedChecks(candidate.checks);
  if (failed.length === 0) return undefined;
  return failed.map((check) => ({ host: candidate.host, by: check.check, reason: check.message }));
}

/** "claimed", or the refusal that names the limit in the way. */
async function tryClaim(
  context: StepContext,
  migration: Migration,
  candidate: CheckedHost,
): Promise<"claimed" | DroverError> {
  try {
    await context.store.claims.claim(
      { migrationUuid: migration.uuid, host: candidate.host, memoryKiB: migration.memoryKiB },
      {
        memoryKiB: candidate.memoryAvailableKiB,
        maxIncoming: context.config.max_concurrent_incoming_migrations,
      },
    );
    return "claimed";
  } catch (error) {
    if (!isDroverError(error, "refused")) throw error;
    return error;
  }
}

function preCheckFailed(migration: Migration, host: string, checks: readonly PreCheck[]): DroverError {
  const reasons = checks.map((check) => check.message).join("; ");
  return new DroverError("pre-check-failed", `${migration.serverName} cannot leave ${host}: ${reasons}`, {
    details: { migrationUuid: migration.uuid, host, checks },
  });
}

function noneLeft(migration: Migration, eliminated: readonly EliminatedHost[]): DroverError {
  const wanted = migration.requestedHost;
  const telling = wanted === null ? eliminated : eliminated.filter((entry) => entry.host === wanted);
  const reasons = reasonsOf(telling);
  const details = { migrationUuid: migration.uuid, eliminated };
  return wanted === null
    ? new DroverError("no-eligible-host", `no host can take ${migration.serverName} (${reasons})`, { details })
    : new DroverError("pre-check-failed", `${wanted} cannot take ${migration.serverName} (${reasons})`, { details });
}

function reasonsOf(eliminated: readonly EliminatedHost[]): string {
  return eliminated.map((entry) => `${entry.host}: ${entry.reason}`).join("; ");
}
