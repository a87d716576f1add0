import { updateServer } from "@drover/contracts";
import { mayAct } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { askConductor } from "../ask-conductor.ts";
import { rpcContext } from "../identity.ts";
import { SINCE } from "./microversion.ts";
import type { NovaContext } from "./nova-context.ts";
import { parseBody } from "./nova-validation.ts";
import { requireServer } from "./server-routes.ts";

/** From 2.73; before, Nova looks at no body of `lock`. */
const lockBody = z.strictObject({
  lock: z.strictObject({ locked_reason: z.string().min(1).max(255).optional() }).nullable(),
});

/** `lock`: nobody but administrators moves, pauses or unpauses the server from now on, or steers its migration. */
export async function lock(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  const body = request.novaMinor >= SINCE.lockedReason ? parseBody(lockBody, request.body).lock : null;
  const reason = body?.locked_reason;
  await set(request, id, context, { locked: true, ...(reason === undefined ? {} : { lockedReason: reason }) });
}

export async function unlock(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  await set(request, id, context, { locked: false });
}

async function set(
  request: FastifyRequest,
  id: string,
  context: NovaContext,
  settings: { readonly locked: boolean; readonly lockedReason?: string },
): Promise<void> {
  const { uuid } = await requireServer(context, id);
  const { userId, role } = request.identity;
  const asked = { server: uuid, settings, asAdmin: mayAct(role, "admin"), requestedBy: userId };
  await askConductor(context.dependencies, updateServer, asked, rpcContext(request));
}
