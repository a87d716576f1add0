import type { KnownHost, KnownProgress, KnownServer } from "@drover/fleet";
import { DEFAULT_AVAILABILITY_ZONE, memoryPercent } from "@drover/model";
import { embeddedFlavor, flavorId, flavorSize } from "./flavor-view.ts";
import { hostIdFor } from "./host-id.ts";
import { takesGuests } from "./hypervisor-view.ts";
import { resourceLinks } from "./links.ts";
import { SINCE } from "./microversion.ts";
import { secondsTime } from "./nova-time.ts";
import { SERVER_OWNER } from "./server-owner.ts";
import { type NovaServerState, novaServerState } from "./server-status.ts";

export interface ServerViewContext {
  readonly minor: number;
  readonly base: string;
  /** The host the server is on, when its agent is known. */
  readonly host: KnownHost | undefined;
  readonly progress: KnownProgress | undefined;
}

export function serverSummary(server: KnownServer, base: string): object {
  return { id: server.uuid, name: server.name, links: resourceLinks(base, `/servers/${server.uuid}`) };
}

/** One row of `/servers/detail`. */
export function serverDetail(server: KnownServer, context: ServerViewContext): object {
  const { base } = context;
  const state = novaServerState(server);
  return {
    ...serverSummary(server, base),
    ...identity(server, context),
    ...stateFields(server, state, context),
    ...placement(server, context),
    ...laterFields(server, context),
  };
}

/** `/servers/{id}`: a row with what only the single view has. */
export function serverAlone(server: KnownServer, context: ServerViewContext): object {
  const detail = serverDetail(server, context);
  return context.minor >= SINCE.serverGroups
    ? { ...detail, server_groups: server.group === null ? [] : [server.group.uuid] }
    : detail;
}

/** What Nova knows of a server's owner and making, and libvirt does not, has the values of "nothing known". */
function identity(server: KnownServer, { minor, base, host }: ServerViewContext): object {
  const size = flavorSize(server);
  const flavor =
    minor >= SINCE.flavorEmbedded
      ? embeddedFlavor(size)
      : { id: flavorId(size), links: resourceLinks(base, `/flavors/${flavorId(size)}`).slice(1) };
  return {
    tenant_id: SERVER_OWNER.projectId,
    user_id: SERVER_OWNER.userId,
    metadata: {},
    image: "",
    flavor,
    // libvirt does not say when a guest was made; its host has been known since then.
    created: secondsTime(host?.registeredAt ?? server.seenAt),
    updated: secondsTime(server.seenAt),
    addresses: {},
    accessIPv4: "",
    accessIPv6: "",
    key_name: null,
    config_drive: "",
    "OS-DCF:diskConfig": "MANUAL",
    "os-extended-volumes:volumes_attached": [],
    "OS-SRV-USG:launched_at": null,
    "OS-SRV-USG:terminated_at": null,
  };
}

function stateFields(server: KnownServer, state: NovaServerState, { progress }: ServerViewContext): object {
  const percent = state.taskState === "migrating" && progress !== undefined ? memoryPercent(progress.progress) : 0;
  return {
    status: state.status,
    "OS-EXT-STS:task_state": state.taskState,
    "OS-EXT-STS:vm_state": state.vmState,
    "OS-EXT-STS:power_state": state.powerState,
    // Nova shows progress in these states only.
    ...(state.status === "ACTIVE" || state.status === "MIGRATING" ? { progress: percent } : {}),
    ...(state.fault === null
      ? {}
      : {
          fault: {
            code: 500,
            message: state.fault,
            created: secondsTime(server.migration?.updatedAt ?? server.seenAt),
          },
        }),
  };
}

function placement(server: KnownServer, { minor, host }: ServerViewContext): object {
  return {
    hostId: hostIdFor(SERVER_OWNER.projectId, server.host),
    "OS-EXT-AZ:availability_zone": host?.availabilityZone ?? DEFAULT_AVAILABILITY_ZONE,
    "OS-EXT-SRV-ATTR:host": server.host,
    "OS-EXT-SRV-ATTR:hypervisor_hostname": server.host,
    "OS-EXT-SRV-ATTR:instance_name": server.name,
    ...(minor >= SINCE.attributesExtended
      ? {
          "OS-EXT-SRV-ATTR:hostname": server.name,
          "OS-EXT-SRV-ATTR:reservation_id": "",
          "OS-EXT-SRV-ATTR:launch_index": 0,
          "OS-EXT-SRV-ATTR:kernel_id": "",
          "OS-EXT-SRV-ATTR:ramdisk_id": "",
          "OS-EXT-SRV-ATTR:root_device_name": null,
          "OS-EXT-SRV-ATTR:user_data": null,
        }
      : {}),
  };
}

function laterFields(server: KnownServer, { minor, host }: ServerViewContext): object {
  return {
    ...(minor >= SINCE.locked ? { locked: server.lock !== null } : {}),
    ...(minor >= SINCE.hostStatus ? { host_status: hostStatus(host) } : {}),
    ...(minor >= SINCE.description ? { description: server.name } : {}),
    ...(minor >= SINCE.tags ? { tags: [] } : {}),
    ...(minor >= SINCE.trustedCertificates ? { trusted_image_certificates: null } : {}),
    ...(minor >= SINCE.lockedReason ? { locked_reason: server.lock?.reason ?? null } : {}),
  };
}

function hostStatus(host: KnownHost | undefined): string {
  if (host === undefined) return "UNKNOWN";
  if (!host.up) return "DOWN";
  return takesGuests(host) ? "UP" : "MAINTENANCE";
}
