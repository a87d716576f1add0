import { pauseServer, unpauseServer } from "@drover/contracts";
import type { KnownServer } from "@drover/fleet";
import { isDroverError, mayAct } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import type { NovaContext } from "./nova-context.ts";
import { invalidState, refuseLocked } from "./server-faults.ts";
import { requireServer } from "./server-routes.ts";
import { novaServerState } from "./server-status.ts";

/** `pause`: Nova takes it of a server that is ACTIVE. It stands still when the answer comes, so there is no task state. */
export async function pause(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  await ask("pause", request, await requireServer(context, id), context);
}

/** `unpause`: of one that is PAUSED. */
export async function unpause(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  await ask("unpause", request, await requireServer(context, id), context);
}

const needs = { pause: "active", unpause: "paused" } as const;

async function ask(
  action: "pause" | "unpause",
  request: FastifyRequest,
  server: KnownServer,
  { dependencies }: NovaContext,
): Promise<void> {
  const { uuid } = server;
  const asAdmin = mayAct(request.identity.role, "admin");
  refuseLocked(server, asAdmin);
  const { taskState, vmState } = novaServerState(server);
  if (taskState !== null) throw invalidState(action, uuid, `task_state ${taskState}`);
  if (vmState !== needs[action]) throw invalidState(action, uuid, `vm_state ${vmState}`);
  const contract = action === "pause" ? pauseServer : unpauseServer;
  const asked = { serverUuid: uuid, asAdmin, requestedBy: request.identity.userId };
  try {
    await askConductor(dependencies, contract, asked, rpcContext(request));
  } catch (error) {
    // A migration was asked for a moment ago.
    const migrating = isDroverError(error, "refused") && "migrationUuid" in error.details;
    throw migrating ? invalidState(action, uuid, "task_state migrating") : error;
  }
}
