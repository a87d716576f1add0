import type { RpcContext } from "@drover/bus";
import type { liveMigrateInstance } from "@drover/contracts";
import {
  DroverError,
  isActive,
  isDroverError,
  isHostUp,
  type Migration,
  type Server,
  serverFromSightings,
} from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { FIRST_STEP } from "../migration/live-migrate-order.ts";

export type LiveMigrateRequest = ReturnType<(typeof liveMigrateInstance.request)["parse"]>;

/**
 * Records a migration as `queued`. What can be known at once is refused at once, with the reason; the rest is found by
 * the pre-checks and is in the record.
 *
 * @throws {DroverError} `not-found`, `bad-request`, `refused`; nothing is recorded then.
 */
export async function recordLiveMigration(
  context: ConductorContext,
  request: LiveMigrateRequest,
  rpc: RpcContext,
): Promise<Migration> {
  const server = serverFromSightings(await context.store.guests.byServer(request.serverUuid));
  if (server === undefined) {
    throw new DroverError("not-found", `no host knows a server ${request.serverUuid}`, {
      details: { serverUuid: request.serverUuid },
    });
  }
  refuseWhatCannotMove(server);
  const sourceHost = await whereItIsNow(context, server);
  await refuseHostThatIsDown(context, server, sourceHost, "runs on");
  if (request.host !== null) await refuseUnfitDestination(context, { ...server, host: sourceHost }, request.host);
  try {
    return await context.store.migrations.create(
      {
        serverUuid: server.uuid,
        serverName: server.name,
        sourceHost,
        requestedHost: request.host,
        blockMigration: request.blockMigration,
        memoryKiB: server.memoryKiB,
        policy: context.policy,
        step: FIRST_STEP,
        requestedBy: request.requestedBy,
        projectId: request.projectId,
        requestId: rpc.requestId,
      },
      { event: "queued", message: `asked for by ${request.requestedBy}` },
    );
  } catch (error) {
    if (!isDroverError(error, "conflict")) throw error;
    throw new DroverError("refused", `${server.name} is already migrating`, {
      cause: error,
      details: { serverUuid: server.uuid, migrationUuid: error.details.migrationUuid },
    });
  }
}

/** A migration that has just completed is known before its destination's report: it would be sought where it was. */
async function whereItIsNow({ store }: ConductorContext, server: Server): Promise<string> {
  const [last] = await store.migrations.list({ serverUuid: server.uuid, limit: 1 });
  const moved = last?.state === "completed" && last.sourceHost === server.host && last.endedAt !== null;
  return moved && last.endedAt > server.seenAt && last.destinationHost !== null ? last.destinationHost : server.host;
}

function refuseWhatCannotMove(server: Server): void {
  const details = { serverUuid: server.uuid };
  if (server.runsTwice.length > 0) {
    const hosts = server.runsTwice.join(" and ");
    throw new DroverError("refused", `${server.name} runs on ${hosts}: stop one of the two before anything else`, {
      details,
    });
  }
  if (!isActive(server.powerState)) {
    throw new DroverError(
      "refused",
      `${server.name} is ${server.powerState} on ${server.host}: only a server that runs can be moved live`,
      {
        details,
      },
    );
  }
}

async function refuseUnfitDestination(context: ConductorContext, server: Server, host: string): Promise<void> {
  if (host === server.host) {
    throw new DroverError("bad-request", `${server.name} runs on ${host} already: name another host, or none`, {
      details: { host, field: "host" },
    });
  }
  await refuseHostThatIsDown(context, server, host, "cannot move to");
}

async function refuseHostThatIsDown(
  context: ConductorContext,
  server: Server,
  name: string,
  relation: "runs on" | "cannot move to",
): Promise<void> {
  const host = await context.store.hosts.get(name);
  if (host === undefined) {
    throw new DroverError("not-found", `there is no host ${name}: see the list of hosts`, { details: { host: name } });
  }
  if (isHostUp(host, context.clock.now())) return;
  throw new DroverError(
    "refused",
    `${server.name} ${relation} ${name}, whose agent was last heard of at ${host.lastSeenAt.toISOString()}: start the agent there`,
    { details: { host: name } },
  );
}
