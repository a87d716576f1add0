import type { Bus, RpcContext } from "@drover/bus";
import { checkCanLiveMigrateDestination, checkCanLiveMigrateSource, selectDestinations } from "@drover/contracts";
import { DroverError, errorChain, isDroverError, type Migration, type PreCheck } from "@drover/model";
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
 * @param everyReason Name every filter that rejects a host, not only the first.
 * @throws {DroverError} `unavailable` when no scheduler answers.
 */
export async function askScheduler(
  asking: Asking,
  move: MoveQuestion,
  { everyReason }: { readonly everyReason: boolean },
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
      },
      { context: asking.context, signal: asking.signal },
    );
  } catch (error) {
    // Not the caller's fault and not this migration's: it waits for a scheduler instead of failing.
    if (!isDroverError(error, "agent-unreachable") && !isDroverError(error, "deadline-exceeded")) throw error;
    throw new DroverError("unavailable", "no scheduler answers", { cause: error });
  }
}

/** @throws {DroverError} what the call throws: a source that is silent is for the caller to judge. */
export async function checkSource(asking: Asking, move: MoveQuestion): Promise<SourceAnswer> {
  const { uuid: migrationUuid, serverUuid, serverName, sourceHost, blockMigration } = move;
  return await asking.bus.call(
    checkCanLiveMigrateSource,
    { migrationUuid, serverUuid, serverName, blockMigration },
    { server: sourceHost, context: asking.context, signal: asking.signal },
  );
}

/**
 * What the agent of `host` answers; a host that does not answer fails the check `agent-answers`.
 *
 * @throws {DroverError} `unavailable` when the broker is away; what `asking.signal` was aborted with.
 */
export async function checkDestination(
  asking: Asking,
  move: MoveQuestion,
  host: string,
  requirements: NonNullable<SourceAnswer["requirements"]>,
): Promise<CheckedHost> {
  const { uuid: migrationUuid, serverUuid, serverName, sourceHost } = move;
  try {
    const answer = await asking.bus.call(
      checkCanLiveMigrateDestination,
      { migrationUuid, serverUuid, serverName, sourceHost, requirements },
      { server: host, context: asking.context, signal: asking.signal },
    );
    return { host, ...answer };
  } catch (error) {
    // One silent candidate is that host's answer; a stop or a change of the record is not.
    if (asking.signal.aborted || isDroverError(error, "unavailable")) throw error;
    const check = { check: "agent-answers", passed: false, message: errorChain(error) };
    return { host, checks: [check], memoryAvailableKiB: 0 };
  }
}
