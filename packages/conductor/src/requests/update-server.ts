import type { RpcInfo } from "@drover/bus";
import type { updateServer } from "@drover/contracts";
import type { Fleet, KnownServer } from "@drover/fleet";
import { DEFAULT_AVAILABILITY_ZONE, DroverError } from "@drover/model";
import type { ConductorContext } from "../conductor-context.ts";
import { asServerAction } from "./server-action.ts";

type Request = ReturnType<(typeof updateServer.request)["parse"]>;

/** Records what is said of a server; what is absent stays as it is. */
export async function recordServerSettings(
  context: ConductorContext,
  fleet: Fleet,
  { server: reference, settings, asAdmin = false, requestedBy }: Request,
  info: Pick<RpcInfo, "context">,
): Promise<KnownServer> {
  const { uuid, name, lock } = await fleet.findServer(reference);
  const { availabilityZone: zone, locked, lockedReason: reason } = settings;
  if (reason !== undefined && locked !== true) {
    throw new DroverError("bad-request", `lockedReason: ${name} is not to be locked; set locked to true with it`, {
      details: { field: "lockedReason", serverUuid: uuid },
    });
  }
  if (zone !== undefined && zone !== null) await requireZone(fleet, zone);
  if (lock?.byAdmin === true && locked !== undefined && !asAdmin) {
    throw new DroverError(
      "forbidden",
      `${name} was locked by ${lock.lockedBy}, an administrator: ask one to unlock it`,
      {
        details: { serverUuid: uuid, lockedBy: lock.lockedBy },
      },
    );
  }
  if (zone !== undefined) await context.store.serverZones.set(uuid, zone);
  if (locked !== undefined) {
    const after = { reason: reason ?? null, lockedBy: requestedBy, byAdmin: asAdmin };
    const action = { serverUuid: uuid, action: locked ? "lock" : "unlock", host: null, requestedBy } as const;
    await asServerAction(context, action, info.context, () =>
      context.store.serverLocks.set(uuid, locked ? after : null),
    );
  }
  context.logger.info({ serverUuid: uuid, ...settings, requestedBy }, "what is said of a server was set");
  if (zone !== undefined) context.signals.wake("incoming");
  return await fleet.findServer(uuid);
}

async function requireZone(fleet: Fleet, zone: string): Promise<void> {
  const zones = new Set((await fleet.aggregates()).map(({ availabilityZone }) => availabilityZone));
  if (zone === DEFAULT_AVAILABILITY_ZONE || zones.has(zone)) return;
  throw new DroverError("bad-request", `availabilityZone: no aggregate has the zone ${zone}: see the list of them`, {
    details: { field: "availabilityZone", availabilityZone: zone },
  });
}
