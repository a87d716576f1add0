import { VIR_MIGRATE_PARAM as PARAM } from "./constants/migration-constants.ts";
import type { TypedParam } from "./procedures/shared-structures.ts";
import { unsignedBigint } from "./xdr/primitives.ts";

/** Parameters of a migration with their units. What is left out stays as libvirt has it. */
export interface MigrationParams {
  /** Where the source's QEMU connects: `tcp://address[:port]`. */
  readonly migrateUri?: string;
  /** Address the destination's QEMU listens on (1.1.4). */
  readonly listenAddress?: string;
  /** The guest's definition for the destination. Give {@link persistentXml} as well, the same (CVE-2020-17376). */
  readonly destinationXml?: string;
  /** The definition stored on the destination with VIR_MIGRATE_PERSIST_DEST (1.3.4). */
  readonly persistentXml?: string;
  readonly destinationName?: string;
  /** Upper bound for the copy, MiB/s. */
  readonly bandwidthMiBps?: number;
  /** Upper bound in the post-copy phase, MiB/s (5.1.0). */
  readonly postcopyBandwidthMiBps?: number;
  /** Targets (`vda`) of the disks to copy (1.2.17). An empty list means every writable disk, as leaving it out does. */
  readonly migrateDisks?: readonly string[];
  /** Port for disk copies on the destination (1.3.3); 0 lets libvirt choose. */
  readonly disksPort?: number;
  /** Where disk copies connect (6.8.0). */
  readonly disksUri?: string;
  readonly graphicsUri?: string;
  /** Methods of VIR_MIGRATE_COMPRESSED: `mt`, `xbzrle`, since QEMU 5.0 also `zlib`, `zstd` with PARALLEL (9.4.0). */
  readonly compression?: readonly string[];
  readonly xbzrleCacheBytes?: bigint;
  /** First CPU throttle of VIR_MIGRATE_AUTO_CONVERGE, per cent (2.0.0). */
  readonly autoConvergeInitialPercent?: number;
  /** What each further step adds, percentage points (2.0.0). */
  readonly autoConvergeIncrementPercent?: number;
  /** Sockets of VIR_MIGRATE_PARALLEL (5.2.0). */
  readonly parallelConnections?: number;
  /** Name in the destination's certificate, where it is not the host in {@link migrateUri} (6.0.0). */
  readonly tlsDestination?: string;
}

/** The typed parameters libvirt expects, each with the type it insists on. */
export function encodeMigrationParams(params: MigrationParams): readonly TypedParam[] {
  return [
    ...text(PARAM.VIR_MIGRATE_PARAM_URI, params.migrateUri),
    ...text(PARAM.VIR_MIGRATE_PARAM_LISTEN_ADDRESS, params.listenAddress),
    ...text(PARAM.VIR_MIGRATE_PARAM_DEST_XML, params.destinationXml),
    ...text(PARAM.VIR_MIGRATE_PARAM_PERSIST_XML, params.persistentXml),
    ...text(PARAM.VIR_MIGRATE_PARAM_DEST_NAME, params.destinationName),
    ...ullong(PARAM.VIR_MIGRATE_PARAM_BANDWIDTH, params.bandwidthMiBps),
    ...ullong(PARAM.VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, params.postcopyBandwidthMiBps),
    ...(params.migrateDisks ?? []).flatMap((disk) => text(PARAM.VIR_MIGRATE_PARAM_MIGRATE_DISKS, disk)),
    ...int(PARAM.VIR_MIGRATE_PARAM_DISKS_PORT, params.disksPort),
    ...text(PARAM.VIR_MIGRATE_PARAM_DISKS_URI, params.disksUri),
    ...text(PARAM.VIR_MIGRATE_PARAM_GRAPHICS_URI, params.graphicsUri),
    ...(params.compression ?? []).flatMap((method) => text(PARAM.VIR_MIGRATE_PARAM_COMPRESSION, method)),
    ...ullong(PARAM.VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE, params.xbzrleCacheBytes),
    ...int(PARAM.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, params.autoConvergeInitialPercent),
    ...int(PARAM.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, params.autoConvergeIncrementPercent),
    ...int(PARAM.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, params.parallelConnections),
    ...text(PARAM.VIR_MIGRATE_PARAM_TLS_DESTINATION, params.tlsDestination),
  ];
}

function text(field: string, value: string | undefined): TypedParam[] {
  return value === undefined ? [] : [{ field, value: { type: "string", value } }];
}

function int(field: string, value: number | undefined): TypedParam[] {
  return value === undefined ? [] : [{ field, value: { type: "int", value } }];
}

function ullong(field: string, value: number | bigint | undefined): TypedParam[] {
  return value === undefined ? [] : [{ field, value: { type: "ullong", value: unsignedBigint(value) } }];
}
