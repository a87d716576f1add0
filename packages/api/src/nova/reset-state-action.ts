import { resetServerState } from "@drover/contracts";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import type { NovaContext } from "./nova-context.ts";
import { parseBody } from "./nova-validation.ts";
import { requireServer } from "./server-routes.ts";

const body = z.strictObject({ "os-resetState": z.strictObject({ state: z.enum(["active", "error"]) }) });

/**
 * `os-resetState`: Nova writes what it is told. Here both hosts of a migration in doubt are asked anew, and the answer is 202
 * when the server is in that state then; otherwise 409 says what is where.
 */
export async function resetState(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  const { state } = parseBody(body, request.body)["os-resetState"];
  const { uuid } = await requireServer(context, id);
  const asked = { serverUuid: uuid, state, requestedBy: request.identity.userId };
  await askConductor(context.dependencies, resetServerState, asked, rpcContext(request));
}
