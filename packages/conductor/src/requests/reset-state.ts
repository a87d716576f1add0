import type { resetServerState } from "@drover/contracts";
import type { Fleet, KnownServer } from "@drover/fleet";
import { DroverError, isActive, type Migration, RECONCILED } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";

type Request = ReturnType<(typeof resetServerState.request)["parse"]>;

/** Both hosts are asked and answer within a second; one that does not is waited for by others. */
const DECIDED_WITHIN_MS = 6_000;
const LOOK_AGAIN_MS = 100;

/**
 * What Nova's `os-resetState` is used for, without its lie: a server that a migration has left in doubt is looked at once
 * more, now, after a person has mended it. It resolves when the server is then in the state that was asked for, by what
 * libvirt says, and is refused with what to do otherwise.
 *
 * @throws {DroverError} `not-found`, `refused`
 */
export async function resetState(
  context: ConductorContext,
  fleet: Fleet,
  { serverUuid, state, requestedBy }: Request,
): Promise<KnownServer> {
  const { migration } = await fleet.findServer(serverUuid);
  if (migration !== null && RECONCILED.has(migration.state)) await lookNow(context, migration, requestedBy);
  const server = await fleet.findServer(serverUuid);
  const why = whyNot(server, state);
  if (why === undefined) return server;
  throw new DroverError("refused", `${server.name} cannot be set to ${state}: ${why}`, {
    details: { serverUuid, ...(server.migration === null ? {} : { migrationUuid: server.migration.uuid }) },
  });
}

/** Wakes whoever reconciles the migration, in whichever conductor, and waits until it has decided, or has not. */
async function lookNow({ store, clock, signals, logger }: ConductorContext, { uuid }: Migration, requestedBy: string) {
  logger.info({ migrationId: uuid, requestedBy }, "a migration in doubt is looked at on request");
  signals.changed(uuid);
  const byMs = clock.monotonicMs() + DECIDED_WITHIN_MS;
  while (clock.monotonicMs() < byMs) {
    const now = await store.migrations.get(uuid);
    if (now === undefined || isSettled(now)) return;
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

/** Decided, and what followed from it done. */
function isSettled({ state }: Migration): boolean {
  return !RECONCILED.has(state) && state !== "rolling-back" && state !== "post-migrating";
}

/** Why the server is not in Nova's `state`, and what to do; undefined when it is. */
function whyNot({ runsTwice, migration, powerState, host }: KnownServer, state: Request["state"]): string | undefined {
  if (runsTwice.length > 0) {
    return state === "error" ? undefined : `it runs on ${runsTwice.join(" and ")}; end the copy that is wrong`;
  }
  if (migration?.state === "error") {
    return state === "error" ? undefined : (migration.reason ?? `migration ${migration.id} is in error`);
  }
  if (migration !== null) {
    return `migration ${migration.id} is ${migration.state}; wait for its end, or abort it`;
  }
  if (state === "error") return `libvirt has it ${powerState} on ${host}, and nothing is wrong with it`;
  return isActive(powerState) ? undefined : `libvirt has it ${powerState} on ${host}; start it there`;
}
