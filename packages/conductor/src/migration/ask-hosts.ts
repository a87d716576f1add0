import type { Bus, RpcContext } from "@drover/bus";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  checkDestinationReach,
  endStorageProof,
  type GuestRequirements,
  proveStorage,
  selectDestinations,
} from "@drover/contracts";
import { DroverError, errorChain, failedChecks, isDroverError, type Migration, type PreCheck } from "@drover/model";
import type { Store } from "@drover/store";

// The questions before a move, as a migration asks them and a preflight too: what guards the one is what the other reports.

/** A move as the scheduler and the agents are asked about it; it need not be recorded. */
export type MoveQuestion = Pick<
  Migration,
  "uuid" | "serverUuid" | "serverName" | "sourceHost" | "requestedHost" | "memoryKiB" | "blockMigration"
>;

/** How the questions go out. */
export interface Asking {
  readonly bus: Bus;
  readonly store: Store;
  readonly context: RpcContext;
  readonly signal: AbortSignal;
}

export type SchedulerAnswer = ReturnType<(typeof selectDestinations.response)["parse"]>;
export type SourceAnswer = ReturnType<(typeof checkCanLiveMigrateSource.response)["parse"]>;

export interface CheckedHost {
  readonly host: string;
  readonly checks: readonly PreCheck[];
  readonly memoryAvailableKiB: number;
}

/**
 * The hosts that the scheduler lets pass, best first, and why each other one fell out.
 *
 * @param options.everyReason Name every filter that rejects a host, not only the first. @default false
 * @param options.limit At most so many candidates, and so many of those that each filter rejected. @default all
 * @throws {DroverError} `unavailable` when no scheduler answers.
 */
export async function askScheduler(
  asking: Asking,
  move: MoveQuestion,
  { everyReason = false, limit }: { readonly everyReason?: boolean; readonly limit?: number },
): Promise<SchedulerAnswer> {
  const [server] = (await asking.store.guests.byServer(move.serverUuid)).filter(
    (sighting) => sighting.host === move.sourceHost,
  );
  try {
    return await asking.bus.call(
      selectDestinations,
      {
        serverUuid: move.serverUuid,
        serverName: move.serverName,
        memoryKiB: move.memoryKiB,
        vcpus: server?.vcpus ?? 1,
        sourceHost: move.sourceHost,
        requestedHost: move.requestedHost,
        everyReason,
        limit,
      },
      { context: asking.context, signal: asking.signal },
    );
  } catch (error) {
    // Not the caller's fault and not this migration's: it waits for a scheduler instead of failing.
    if (!isDroverError(error, "agent-unreachable") && !isDroverError(error, "deadline-exceeded")) throw error;
    throw new DroverError("unavailable", "no scheduler answers", { cause: error });
  }
}

/**
 * What the source's agent answers. Where the guest has files, and nothing else keeps it, volumes are made in their folders by
 * which a destination sees whether it has the same storage: {@link endProofs} removes them.
 *
 * @throws {DroverError} what the calls throw: a source that is silent is for the caller to judge.
 */
export async function checkSource(asking: Asking, move: MoveQuestion): Promise<SourceAnswer> {
  const { uuid: migrationUuid, serverUuid, serverName, sourceHost, blockMigration } = move;
  const to = { server: sourceHost, context: asking.context, signal: asking.signal };
  const answer = await asking.bus.call(
    checkCanLiveMigrateSource,
    { migrationUuid, serverUuid, serverName, blockMigration, storageIsProved: true },
    to,
  );
  const { requirements } = answer;
  const folders = [...new Set(requirements?.disks.flatMap((disk) => disk.folders ?? []))];
  if (requirements === null || folders.length === 0 || failedChecks(answer.checks).length > 0) return answer;
  const { proofs } = await asking.bus.call(proveStorage, { migrationUuid, folders }, to);
  return { ...answer, requirements: { ...requirements, proofs } };
}

/**
 * Has the source remove the volumes that proved what hosts share: every destination has looked. It does so by itself after a
 * while where this does not reach it, so this never rejects.
 */
export async function endProofs(
  { bus, context }: Pick<Asking, "bus" | "context">,
  move: Pick<MoveQuestion, "uuid" | "sourceHost">,
  proofs: GuestRequirements["proofs"] | undefined,
): Promise<void> {
  if (proofs === undefined || proofs.length === 0) return;
  await bus.cast(endStorageProof, { migrationUuid: move.uuid }, { server: move.sourceHost, context }).catch(() => {});
}

/** Where a host's libvirtd is, by the word of its own agent: what another one says of it is compared with that. */
export async function recordedLibvirtUri(store: Store, host: string): Promise<string | undefined> {
  return (await store.hosts.get(host))?.facts.libvirtUri;
}

/**
 * What the agent of `host` answers, and what the source finds when it tries to reach that host; one of the two that does not
 * answer fails the check `agent-answers`.
 *
 * @throws {DroverError} `unavailable` when the broker is away; what `asking.signal` was aborted with.
 */
export async function checkDestination(
  asking: Asking,
  move: MoveQuestion,
  host: string,
  requirements: NonNullable<SourceAnswer["requirements"]>,
): Promise<CheckedHost> {
  const { uuid: migrationUuid, serverUuid, serverName, sourceHost, blockMigration } = move;
  const sourceLibvirtUri = await recordedLibvirtUri(asking.store, sourceHost);
  const [answer, reach] = await Promise.all([
    unlessSilent(asking, () =>
      asking.bus.call(
        checkCanLiveMigrateDestination,
        { migrationUuid, serverUuid, serverName, sourceHost, requirements, blockMigration, sourceLibvirtUri },
        { server: host, context: asking.context, signal: asking.signal },
      ),
    ),
    unlessSilent(asking, () => checkReach(asking, sourceHost, host)),
  ]);
  const memoryAvailableKiB = "memoryAvailableKiB" in answer ? answer.memoryAvailableKiB : 0;
  return { host, checks: [...answer.checks, ...reach.checks], memoryAvailableKiB };
}

async function checkReach(asking: Asking, sourceHost: string, host: string) {
  const known = await asking.store.hosts.get(host);
  if (known === undefined) return { checks: [] };
  const { libvirtUri, inboundAddress, migrationPorts } = known.facts;
  return await asking.bus.call(
    checkDestinationReach,
    { destinationHost: host, libvirtUri, inboundAddress, migrationPorts },
    { server: sourceHost, context: asking.context, signal: asking.signal },
  );
}

/** One silent agent is an answer about that host; a stop or a change of the record is not. */
async function unlessSilent<Answer>(
  asking: Asking,
  ask: () => Promise<Answer>,
): Promise<Answer | { readonly checks: readonly PreCheck[] }> {
  try {
    return await ask();
  } catch (error) {
    if (asking.signal.aborted || isDroverError(error, "unavailable")) throw error;
    return { checks: [{ check: "agent-answers", passed: false, message: errorChain(error) }] };
  }
}
