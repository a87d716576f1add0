import { LibvirtError, VIR_FROM } from "@drover/libvirt";

/*
 * What libvirtd 9.0 with QEMU says no with. Code, domain and text are those of its source: the domain is that of the
 * file which reports the error (domain_conf.c and virdomainobjlist.c speak as "domain", the driver as "qemu"), and the
 * text begins with what virErrorMsg puts before the detail.
 */

export function noDomainByUuid(uuid: string, name?: string): LibvirtError {
  const known = name === undefined ? "" : ` (${name})`;
  return LibvirtError.refusal("VIR_ERR_NO_DOMAIN", `Domain not found: no domain with matching uuid '${uuid}'${known}`);
}

export function noDomainByName(name: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_NO_DOMAIN", `Domain not found: no domain with matching name '${name}'`);
}

export function noDomainById(id: number): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_NO_DOMAIN", `Domain not found: no domain with matching id ${id}`);
}

/** "Requested operation is not valid": the commonest no, for a guest in the wrong state. */
export function notValidNow(detail: string, domain: number = VIR_FROM.VIR_FROM_QEMU): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_OPERATION_INVALID", `Requested operation is not valid: ${detail}`, domain);
}

export function notRunning(): LibvirtError {
  return notValidNow("domain is not running", VIR_FROM.VIR_FROM_DOMAIN);
}

export function operationFailed(detail: string, domain: number = VIR_FROM.VIR_FROM_QEMU): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_OPERATION_FAILED", `operation failed: ${detail}`, domain);
}

export function invalidArgument(detail: string, domain: number = VIR_FROM.VIR_FROM_QEMU): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_INVALID_ARG", `invalid argument: ${detail}`, domain);
}

export function unsupportedArgument(detail: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_ARGUMENT_UNSUPPORTED", `argument unsupported: ${detail}`);
}

/** Post-copy moves a running guest first and its memory after it: there is nothing to move first in a paused one. */
export function noPausedPostCopy(): LibvirtError {
  return unsupportedArgument("post-copy migration is not supported with non-live or paused migration");
}

export function unsupportedOperation(detail: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_OPERATION_UNSUPPORTED", `Operation not supported: ${detail}`);
}

export function internalError(detail: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_INTERNAL_ERROR", `internal error: ${detail}`);
}

export function xmlError(detail: string, domain: number = VIR_FROM.VIR_FROM_DOMAIN): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_XML_ERROR", `XML error: ${detail}`, domain);
}

/** A definition without a name. */
export function noName(): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_NO_NAME", "missing name information", VIR_FROM.VIR_FROM_DOMAIN);
}

/** A job holds the guest and this call may not run beside it; libvirtd gives up after 30 s. */
export function jobLockTimeout(holder: string): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_OPERATION_TIMEOUT",
    `Timed out during operation: cannot acquire state change lock (held by monitor=${holder})`,
  );
}

/** What the migration call answers after an abort while QEMU copied. */
export function canceledByClient(): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_OPERATION_ABORTED", "operation aborted: job 'migration out' canceled by client");
}

/** The same for an abort that came before QEMU had begun. */
export function canceledBeforeCopy(): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_OPERATION_ABORTED", "operation aborted: migration out: canceled by client");
}

/** The other libvirtd cannot be reached; `reason` is the C library's. */
export function cannotConnect(host: string, port: number, reason: string): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_SYSTEM_ERROR",
    `unable to connect to server at '${host}:${port}': ${reason}`,
    VIR_FROM.VIR_FROM_RPC,
  );
}

/** Nobody knows a host of that name. */
export function cannotResolve(host: string, port: number): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_SYSTEM_ERROR",
    `Unable to resolve address '${host}' service '${port}': Name or service not known`,
    VIR_FROM.VIR_FROM_RPC,
  );
}

export function unsafeMigration(): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_MIGRATE_UNSAFE", "Unsafe migration: Migration without shared storage is unsafe");
}

const { VIR_FROM_STORAGE } = VIR_FROM;

function noPool(detail: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_NO_STORAGE_POOL", `Storage pool not found: ${detail}`, VIR_FROM_STORAGE);
}

export function noStoragePool(name: string): LibvirtError {
  return noPool(`no storage pool with matching name '${name}'`);
}

export function noStoragePoolByUuid(uuid: string): LibvirtError {
  return noPool(`no storage pool with matching uuid '${uuid}'`);
}

/** No active pool has that folder. */
export function noStoragePoolAt(path: string): LibvirtError {
  return noPool(`no storage pool with matching target path '${path}'`);
}

export function noPoolForVolume(key: string): LibvirtError {
  return noPool(`no storage pool with matching volume '${key}'`);
}

/** A pool's folder cannot be opened. */
export function noFolder(path: string): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_SYSTEM_ERROR",
    `cannot open directory '${path}': No such file or directory`,
    VIR_FROM.VIR_FROM_NONE,
  );
}

/** A volume that is a folder goes only when nothing is in it. */
export function folderNotEmpty(path: string): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_SYSTEM_ERROR",
    `cannot remove directory '${path}': Directory not empty`,
    VIR_FROM_STORAGE,
  );
}

/** "not active", where it must be, and the other way round. */
export function noTarget(target: string): LibvirtError {
  return internalError(`Failed to connect to LUN : ${target}`);
}

export function poolIs(name: string, state: "not active" | "already active" | "still active"): LibvirtError {
  return notValidNow(`storage pool '${name}' is ${state}`, VIR_FROM_STORAGE);
}

export function poolExists(name: string, uuid: string): LibvirtError {
  return operationFailed(`pool '${name}' already exists with uuid ${uuid}`, VIR_FROM_STORAGE);
}

/** Another pool has that folder. */
export function poolConflict(name: string): LibvirtError {
  return operationFailed(`Storage source conflict with pool: '${name}'`, VIR_FROM_STORAGE);
}

function noVolume(detail: string): LibvirtError {
  return LibvirtError.refusal("VIR_ERR_NO_STORAGE_VOL", `Storage volume not found: ${detail}`, VIR_FROM_STORAGE);
}

export function noStorageVolume(name: string): LibvirtError {
  return noVolume(`no storage vol with matching name '${name}'`);
}

export function noStorageVolumeByKey(key: string): LibvirtError {
  return noVolume(`no storage vol with matching key ${key}`);
}

export function noStorageVolumeAt(path: string): LibvirtError {
  return noVolume(`no storage vol with matching path '${path}'`);
}

/** The pool knows a volume of that name. */
export function volumeExists(name: string): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_STORAGE_VOL_EXIST",
    `storage volume exists already: '${name}'`,
    VIR_FROM_STORAGE,
  );
}

/** A file is there that the pool does not know of. */
export function volumePathTaken(path: string): LibvirtError {
  return notValidNow(`volume target path '${path}' already exists`, VIR_FROM_STORAGE);
}

/** More was sent than the transfer was opened for. */
export function noSpaceInStream(): LibvirtError {
  return LibvirtError.refusal(
    "VIR_ERR_SYSTEM_ERROR",
    "cannot write to stream: No space left on device",
    VIR_FROM.VIR_FROM_STREAMS,
  );
}
