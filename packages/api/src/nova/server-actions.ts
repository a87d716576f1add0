import type { FastifyRequest } from "fastify";
import { migrateLive } from "./migrate-live-action.ts";
import type { NovaContext, NovaRoutes } from "./nova-context.ts";
import { NovaFault, notSupported } from "./nova-fault.ts";
import { invalidState } from "./server-faults.ts";
import { requireServer } from "./server-routes.ts";
import { novaServerState } from "./server-status.ts";

type ServerAction = (request: FastifyRequest, id: string, context: NovaContext) => Promise<void>;

const served: Readonly<Record<string, ServerAction>> = {
  "os-migrateLive": migrateLive,
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
      "lock os-getConsoleOutput os-getRDPConsole os-getSerialConsole os-getSPICEConsole os-getVNCConsole os-resetState " +
      "os-start os-stop pause reboot rebuild removeFixedIp removeFloatingIp removeSecurityGroup rescue resetNetwork restore " +
      "resume shelve shelveOffload suspend trigger_crash_dump unlock unpause unrescue unshelve"
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
      await action(request, id, context);
      return reply.code(202).send();
    }
    if (!Object.hasOwn(notServed, name)) throw new NovaFault(400, `There is no such action: ${name}`);
    await requireServer(context, id);
    throw notSupported(`${name}: ${notServed[name]}`);
  });
};

/** No server is ever resized here, so this is the whole truth. */
async function neverResized(request: FastifyRequest, id: string, context: NovaContext): Promise<void> {
  const server = await requireServer(context, id);
  throw invalidState(actionName(request.body), server.uuid, `vm_state ${novaServerState(server).vmState}`);
}
