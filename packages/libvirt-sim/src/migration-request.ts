import { stringParams, type TypedParam, VIR_MIGRATE, VIR_MIGRATE_PARAM } from "@drover/libvirt";
import { type DomainDefinition, parseDomainXml } from "./domain-xml.ts";
import { invalidArgument, noPausedPostCopy, notValidNow, unsupportedArgument } from "./refusals.ts";

/** What a call of `domainMigratePerform3Params` asks for, checked. */
export interface MigrationRequest {
  readonly destinationUri: string;
  readonly flags: number;
  readonly migrateUri: string | null;
  readonly listenAddress: string | null;
  readonly destinationName: string | null;
  readonly destinationDefinition: DomainDefinition | null;
  readonly persistentDefinition: DomainDefinition | null;
  /** MiB/s; null leaves the guest's own limit (`migrate_set_speed`). */
  readonly bandwidthMiBps: number | null;
  readonly postCopyBandwidthMiBps: number | null;
  /** Targets of the disks to copy; null means every writable one. */
  readonly migrateDisks: readonly string[] | null;
  readonly autoConverge: { readonly initialPercent: number; readonly incrementPercent: number } | null;
}

const KNOWN_FLAGS = Object.values(VIR_MIGRATE).reduce((all, flag) => all | flag, 0);

/** Which arm of a typed parameter libvirt wants for each name (QEMU_MIGRATION_PARAMETERS, libvirt 9.0). */
const PARAM_TYPES: ReadonlyMap<string, TypedParam["value"]["type"]> = new Map([
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_URI, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_DEST_NAME, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_DEST_XML, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_PERSIST_XML, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_BANDWIDTH, "ullong"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, "ullong"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_GRAPHICS_URI, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_LISTEN_ADDRESS, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_MIGRATE_DISKS, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_DISKS_PORT, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_DISKS_URI, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_COMPRESSION, "string"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_COMPRESSION_MT_LEVEL, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_COMPRESSION_MT_THREADS, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_COMPRESSION_MT_DTHREADS, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE, "ullong"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, "int"],
  [VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_TLS_DESTINATION, "string"],
]);

/**
 * Checks a migration call the way libvirt does before it looks at any guest.
 *
 * @throws {LibvirtError} VIR_ERR_INVALID_ARG for unknown flags and parameters of the wrong type,
 *   VIR_ERR_ARGUMENT_UNSUPPORTED for combinations it does not have, VIR_ERR_XML_ERROR for bad documents.
 */
export function parseMigrationRequest(
  destinationUri: string | null,
  params: readonly TypedParam[],
  flags: number,
): MigrationRequest {
  const unknown = (flags & ~KNOWN_FLAGS) >>> 0;
  if (unknown !== 0) {
    throw invalidArgument(`unsupported flags (0x${unknown.toString(16)}) in function qemuDomainMigratePerform3Params`);
  }
  for (const { field, value } of params) {
    const wanted = PARAM_TYPES.get(field);
    if (wanted === undefined) throw unsupportedArgument(`parameter '${field}' not supported`);
    if (wanted !== value.type) {
      throw invalidArgument(`invalid type '${value.type}' for parameter '${field}', expected '${wanted}'`);
    }
  }
  if ((flags & VIR_MIGRATE.VIR_MIGRATE_PEER2PEER) === 0 || destinationUri === null) {
    throw unsupportedArgument("the simulated host migrates peer-to-peer only; set VIR_MIGRATE_PEER2PEER");
  }
  const tunnelled = (flags & VIR_MIGRATE.VIR_MIGRATE_TUNNELLED) !== 0;
  const migrateUri = stringOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_URI);
  if (tunnelled && migrateUri !== null) {
    throw unsupportedArgument("migration URI is not supported by tunnelled migration");
  }
  const postCopy = (flags & VIR_MIGRATE.VIR_MIGRATE_POSTCOPY) !== 0;
  const live = (flags & VIR_MIGRATE.VIR_MIGRATE_LIVE) !== 0;
  if (postCopy && (!live || (flags & VIR_MIGRATE.VIR_MIGRATE_PAUSED) !== 0)) throw noPausedPostCopy();
  if (tunnelled && postCopy) {
    throw unsupportedArgument("post-copy is not supported with tunnelled migration");
  }
  if ((flags & VIR_MIGRATE.VIR_MIGRATE_ZEROCOPY) !== 0 && (flags & VIR_MIGRATE.VIR_MIGRATE_PARALLEL) === 0) {
    throw notValidNow("zero-copy is only available for parallel migration");
  }
  if (migrateUri !== null && !/^(tcp|rdma|unix):/.test(migrateUri)) {
    throw invalidArgument(`unsupported scheme ${migrateUri.split(":")[0]} in migration URI ${migrateUri}`);
  }
  return {
    destinationUri,
    flags,
    migrateUri,
    listenAddress: stringOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_LISTEN_ADDRESS),
    destinationName: stringOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_DEST_NAME),
    destinationDefinition: definitionOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_DEST_XML),
    persistentDefinition: definitionOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_PERSIST_XML),
    bandwidthMiBps: positive(numberOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_BANDWIDTH)),
    postCopyBandwidthMiBps: positive(numberOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY)),
    migrateDisks: migrateDisksOf(params),
    autoConverge: autoConvergeOf(params, flags),
  };
}

/** An empty list counts as none (VIR_MIGRATE_PARAM_MIGRATE_DISKS, 1.2.17). */
export function migrateDisksOf(params: readonly TypedParam[]): readonly string[] | null {
  const targets = stringParams(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_MIGRATE_DISKS);
  return targets.length === 0 ? null : targets;
}

function autoConvergeOf(params: readonly TypedParam[], flags: number): MigrationRequest["autoConverge"] {
  const initial = numberOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL);
  const increment = numberOf(params, VIR_MIGRATE_PARAM.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT);
  if ((flags & VIR_MIGRATE.VIR_MIGRATE_AUTO_CONVERGE) === 0) {
    if (initial !== null || increment !== null) throw invalidArgument("Turn auto convergence on to tune it");
    return null;
  }
  return { initialPercent: initial ?? 20, incrementPercent: increment ?? 10 };
}

function stringOf(params: readonly TypedParam[], field: string): string | null {
  const value = params.find((param) => param.field === field)?.value;
  return value?.type === "string" ? value.value : null;
}

function numberOf(params: readonly TypedParam[], field: string): number | null {
  const value = params.find((param) => param.field === field)?.value;
  if (value === undefined || value.type === "string" || value.type === "boolean") return null;
  return Number(value.value);
}

/** libvirt takes a bandwidth of 0 for "not given". */
function positive(value: number | null): number | null {
  return value === 0 ? null : value;
}

function definitionOf(params: readonly TypedParam[], field: string): DomainDefinition | null {
  const xml = stringOf(params, field);
  return xml === null ? null : parseDomainXml(xml);
}
