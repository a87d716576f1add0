import { handle, type RpcHandler, type RpcInfo } from "@drover/bus";
import {
  pauseInstance,
  pauseServer,
  resetServerState,
  unpauseInstance,
  unpauseServer,
  updateServer,
} from "@drover/contracts";
import { createFleet, type Fleet, type KnownServer, viewServer } from "@drover/fleet";
import { DroverError } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { refuseLocked } from "./refuse-locked.ts";
import { checkSourceIsUp, refuseFailed } from "./request-checks.ts";
import { resetState } from "./reset-state.ts";
import { asServerAction } from "./server-action.ts";
import { recordServerSettings } from "./update-server.ts";

/** What an operator asks of a server beside moving it. */
export function serverHandlers(context: ConductorContext): readonly RpcHandler[] {
  const fleet = createFleet(context.store, context.clock);
  return [
    handle(updateServer, async (request, info) => ({
      server: viewServer(await recordServerSettings(context, fleet, request, info)),
    })),
    handle(pauseServer, async (request, info) => ({
      server: viewServer(await setPaused(context, fleet, request, info, true)),
    })),
    handle(unpauseServer, async (request, info) => ({
      server: viewServer(await setPaused(context, fleet, request, info, false)),
    })),
    handle(resetServerState, async (request) => ({ server: viewServer(await resetState(context, fleet, request)) })),
  ];
}

interface PauseRequest {
  readonly serverUuid: string;
  readonly asAdmin?: boolean | undefined;
  readonly requestedBy: string;
}

/** The agent's report comes within a tenth of a second; without it the answer has what was known before. */
const SEEN_WITHIN_MS = 2_000;
const LOOK_AGAIN_MS = 50;

/** Resolves with the server as it is shown afterwards. A server that is so already is left as it is. */
async function setPaused(
  context: ConductorContext,
  fleet: Fleet,
  { serverUuid, asAdmin, requestedBy }: PauseRequest,
  info: Pick<RpcInfo, "context">,
  paused: boolean,
): Promise<KnownServer> {
  const server = await fleet.findServer(serverUuid);
  await refuseLocked(context.store, { serverUuid, serverName: server.name, asAdmin });
  refuseUnfit(server);
  refuseFailed([await checkSourceIsUp(context, server, server.host)]);
  const [contract, action] = paused ? ([pauseInstance, "pause"] as const) : ([unpauseInstance, "unpause"] as const);
  await asServerAction(context, { serverUuid, action, host: server.host, requestedBy }, info.context, () =>
    context.bus.call(contract, { serverUuid, serverName: server.name }, { server: server.host }),
  );
  context.logger.info(
    { serverUuid, host: server.host, requestedBy },
    paused ? "a server was paused" : "a server was unpaused",
  );
  const byMs = context.clock.monotonicMs() + SEEN_WITHIN_MS;
  for (;;) {
    const now = await fleet.findServer(serverUuid);
    if ((now.powerState === "paused") === paused || context.clock.monotonicMs() >= byMs) return now;
    await context.clock.sleep(LOOK_AGAIN_MS);
  }
}

/** What stands still in a migration, or after one that is in doubt, must not be started beside its copy. */
function refuseUnfit({ uuid: serverUuid, name, runsTwice, migration }: KnownServer): void {
  if (runsTwice.length > 0) {
    throw new DroverError("refused", `${name} runs on ${runsTwice.join(" and ")}: stop one of the two first`, {
      details: { serverUuid },
    });
  }
  if (migration !== null) {
    throw new DroverError("refused", `${name} is in migration ${migration.id}: wait for its end, or abort it`, {
      details: { serverUuid, migrationUuid: migration.uuid },
    });
  }
}
