import type { updateHost } from "@drover/contracts";
import { DroverError, type Host } from "@drover/model";
import type { HostSettings } from "@drover/store";
import type { ConductorContext } from "../conductor-context.ts";

type Request = ReturnType<(typeof updateHost.request)["parse"]>;

/**
 * Records what an operator sets of a host. Migrations that wait look again: one may have become possible.
 *
 * @throws {DroverError} `not-found`; `bad-request` for a reason without a host that is disabled.
 */
export async function recordHostSettings(
  context: ConductorContext,
  { host, settings, requestedBy }: Request,
): Promise<Host> {
  const known = await context.store.hosts.get(host);
  if (known === undefined) throw noSuchHost(host);
  const enabled = settings.enabled ?? known.enabled;
  if (enabled && typeof settings.disabledReason === "string") {
    throw new DroverError(
      "bad-request",
      `disabledReason: ${host} is not to be disabled; leave it out, or set enabled to false with it`,
      { details: { host, field: "disabledReason" } },
    );
  }
  // A host that is enabled again keeps no old reason, and one that is disabled anew none of the time before.
  const anew = settings.enabled !== undefined && settings.enabled !== known.enabled;
  const change: HostSettings = {
    ...whatIsSaid(settings),
    ...(enabled || anew ? { disabledReason: settings.disabledReason ?? null } : {}),
  };
  const after = await context.store.hosts.set(host, change);
  if (after === undefined) throw noSuchHost(host);
  context.logger.info({ host, ...change, requestedBy }, "what is allowed on a host was set");
  context.signals.wakeFirst(`outgoing of ${host}`);
  context.signals.wake("incoming");
  // What waits for the host is given up now, or need not be.
  if (settings.forcedDown !== undefined) context.signals.wakeThoseOf(host);
  return after;
}

function whatIsSaid(settings: Request["settings"]) {
  const { enabled, disabledReason, maintenanceReason, forcedDown } = settings;
  const { maxOutgoingMigrations, maxIncomingMigrations } = settings;
  return {
    ...(maintenanceReason === undefined ? {} : { maintenanceReason }),
    ...(forcedDown === undefined ? {} : { forcedDown }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(disabledReason === undefined ? {} : { disabledReason }),
    ...(maxOutgoingMigrations === undefined ? {} : { maxOutgoingMigrations }),
    ...(maxIncomingMigrations === undefined ? {} : { maxIncomingMigrations }),
  };
}

/** @throws {DroverError} `not-found`; `refused` with what is in the way */
export async function removeHost(
  { store, logger }: ConductorContext,
  host: string,
  requestedBy: string,
): Promise<void> {
  if (!(await store.hosts.remove(host))) throw noSuchHost(host);
  logger.info({ host, requestedBy }, "a host was removed");
}

function noSuchHost(host: string): DroverError {
  return new DroverError("not-found", `there is no host ${host}: see the list of hosts`, { details: { host } });
}
