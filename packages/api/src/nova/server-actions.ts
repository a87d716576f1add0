import { mayAct } from "@drover/model";
import type { FastifyRequest } from "fastify";
import { actionPolicy } from "../auth/policy-table.ts";
import { lock, unlock } from "./lock-actions.ts";
import { migrateLive } from "./migrate-live-action.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault, notSupported } from "./nova-fault.ts";
import { pause, unpause } from "./pause-actions.ts";
import { resetState } from "./reset-state-action.ts";
import { invalidState } from "./server-faults.ts";
import { requireServer } from "./server-routes.ts";
import { novaServerState } from "./server-status.ts";

type ServerAction = (request: FastifyRequest, id: string, context: NovaContext) => Promise<void>;

const served: Readonly<Record<string, ServerAction>> = {
  "os-migrateLive": migrateLive,
  "os-resetState": resetState,
  lock,
  pause,
  unlock,
  unpause,
  confirmResize: neverResized,
  revertResize: neverResized,
};

const MOVES_LIVE = "Drover moves servers while they run: os-migrateLive.";
const BY_LIBVIRT = "Drover moves servers between hosts; do this with libvirt on the server's host.";
/** Nova's actions that exist but are not served: a client is told so, and what there is instead. */
const notServed: Readonly<Record<string, string>> = {
  migrate: MOVES_LIVE,
  resize: MOVES_LIVE,
  evacuate: "Drover moves servers between hosts that run: os-migrateLive, or start it anew elsewhere from its disks.",
  ...Object.fromEntries(
    (
      "addFixedIp addFloatingIp addSecurityGroup changePassword createBackup createImage forceDelete injectNetworkInfo " +
      "os-getConsoleOutput os-getRDPConsole os-getSerialConsole os-getSPICEConsole os-getVNCConsole " +
      "os-start os-stop reboot rebuild removeFixedIp removeFloatingIp removeSecurityGroup rescue resetNetwork restore " +
      "resume shelve shelveOffload suspend trigger_crash_dump unrescue unshelve"
    )
      .split(" ")
      .map((action) => [action, BY_LIBVIRT]),
  ),
};

/** The one key of an action's body. @throws {NovaFault} 400 */
export function actionName(body: unknown): string {
  const keys = typeof body === "object" && body !== null && !Array.isArray(body) ? Object.keys(body) : [];
  const [name] = keys;
  if (name === undefined || keys.length !== 1) throw new NovaFault(400, "Malformed request body");
  return name;
}

/** `POST /servers/{id}/action` */
export const serverActions: NovaRoutes = (app, context) => {
  app.post<{ Params: { id: string } }>("/servers/:id/action", async (request, reply) => {
    const { id } = request.params;
    const name = actionName(request.body);
    const action = Object.hasOwn(served, name) ? served[name] : undefined;
    if (action !== undefined) {
      requireRole(request, name, context);
      await action(request, id, context);
      return reply.code(202).send();
    }
    if (!Object.hasOwn(notServed, name)) throw new NovaFault(400, `There is no such action: ${name}`);
    await requireServer(context, id);
    throw notSupported(`${name}: ${notServed[name]}`);
  });
};

/** @throws {NovaFault} 403 in Nova's words */
function requireRole(request: FastifyRequest, action: string, { audit }: NovaContext): void {
  const least = actionPolicy[action];
  if (least === undefined || mayAct(request.identity.role, least)) return;
  const message = `Policy doesn't allow ${action} to be performed: it needs the role ${least}.`;
  audit.refusal(request, { outcome: "forbidden", message, httpStatus: 403 });
  throw new NovaFault(403, message);
}

/** No server is ever resized here, so this is the whole truth. */
async function neverResized(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  const server = await requireServer(context, id);
  throw invalidState(actionName(request.body), server.uuid, `vm_state ${novaServerState(server).vmState}`);
}
