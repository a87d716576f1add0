import { currentTraceparent, type RpcContext } from "@drover/bus";
import type { liveMigrateInstance } from "@drover/contracts";
import { DroverError, effectivePolicy, isDroverError, type Migration, serverFromSightings } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { FIRST_STEP } from "../migration/live-migrate-order.ts";
import { policyLayers } from "../policy/policy-layers.ts";
import { refuseLocked } from "./refuse-locked.ts";
import {
  checkDestinationIsUp,
  checkItIsElsewhere,
  checkSourceIsUp,
  checksOfServer,
  refuseFailed,
  whereItIsNow,
} from "./request-checks.ts";

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
  await refuseLocked(context.store, { ...request, serverName: server.name });
  refuseFailed(checksOfServer(server));
  const sourceHost = await whereItIsNow(context.store, server);
  refuseFailed([await checkSourceIsUp(context, server, sourceHost)]);
  if (request.host !== null) {
    refuseFailed([checkItIsElsewhere(server, sourceHost, request.host)]);
    refuseFailed([await checkDestinationIsUp(context, server, request.host)]);
  }
  const { policy, origins } = effectivePolicy(
    policyLayers(context.policy, context.policyRules, {
      sourceHost,
      metadata: server.metadata,
      request: request.policy ?? {},
    }),
  );
  try {
    return await context.store.migrations.create(
      {
        serverUuid: server.uuid,
        serverName: server.name,
        sourceHost,
        requestedHost: request.host,
        blockMigration: request.blockMigration,
        memoryKiB: server.memoryKiB,
        policy,
        policyOrigins: origins,
        step: FIRST_STEP,
        priority: request.priority ?? 0,
        requestedBy: request.requestedBy,
        projectId: request.projectId,
        requestId: rpc.requestId,
        traceparent: currentTraceparent() ?? null,
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
