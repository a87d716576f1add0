import { posix } from "node:path";
import { VIR_FROM } from "@drover/libvirt";
import type { HostFiles } from "./host-files.ts";
import { uuidFromName } from "./host-spec.ts";
import type { IscsiTargets } from "./iscsi-targets.ts";
import {
  folderNotEmpty,
  noFolder,
  noPoolForVolume,
  noStoragePool,
  noStoragePoolAt,
  noStoragePoolByUuid,
  noStorageVolume,
  noStorageVolumeAt,
  noStorageVolumeByKey,
  noTarget,
  notValidNow,
  poolConflict,
  poolExists,
  poolIs,
  volumeExists,
  volumePathTaken,
} from "./refusals.ts";
import type { SimulatedFile } from "./simulated-file.ts";
import { type PoolDefinition, poolXml, type VolumeDefinition } from "./storage-xml.ts";
import { element } from "./xml-node.ts";

/**
 * A pool of a folder, or of an iSCSI target. It knows what was there when it was last refreshed, and the files that it made, by their
 * paths.
 */
export interface SimulatedPool extends PoolDefinition {
  persistent: boolean;
  active: boolean;
  autostart: boolean;
  readonly known: Set<string>;
}

/** A volume, with the pool that knows it. */
export interface SimulatedVolume {
  readonly pool: SimulatedPool;
  readonly name: string;
  readonly path: string;
  readonly kind: "file" | "dir" | "network";
  readonly capacityBytes: number;
  /** Null for what is no file. */
  readonly file: SimulatedFile | null;
}

const CAPACITY_BYTES = 1n << 40n;

/**
 * A host's storage pools as libvirtd's backends for folders and for iSCSI without the kernel keep them: at first one, persistent and active, as a fresh
 * libvirtd of a distribution has it. Every method refuses as libvirtd 9.0 does and changes nothing then.
 */
export class StoragePools {
  readonly #files: HostFiles;
  readonly #targets: IscsiTargets;
  readonly #pools = new Map<string, SimulatedPool>();

  constructor(files: HostFiles, targets: IscsiTargets) {
    this.#files = files;
    this.#targets = targets;
    const definition = { name: "default", uuid: uuidFromName("pool default"), path: "/var/lib/libvirt/images" };
    const pool = this.#add({ ...definition, target: null, source: element("source", {}) }, true);
    pool.autostart = true;
    this.start(pool);
  }

  get all(): readonly SimulatedPool[] {
    return [...this.#pools.values()];
  }

  byName(name: string): SimulatedPool {
    return this.#find((pool) => pool.name === name) ?? raise(noStoragePool(name));
  }

  byUuid(uuid: string): SimulatedPool {
    return this.#find((pool) => pool.uuid === uuid) ?? raise(noStoragePoolByUuid(uuid));
  }

  byTargetPath(path: string): SimulatedPool {
    const normal = path.replace(/(?<=.)\/+$/, "");
    return this.#find((pool) => pool.active && pool.path === normal) ?? raise(noStoragePoolAt(path));
  }

  byVolume(key: string): SimulatedPool {
    return this.#find((pool) => pool.active && pool.known.has(key)) ?? raise(noPoolForVolume(key));
  }

  /** Makes a pool that is forgotten when it is stopped, and starts it. */
  create(definition: PoolDefinition, build: boolean): SimulatedPool {
    const pool = this.#add(definition, false);
    try {
      if (build) this.build(pool);
      this.start(pool);
      return pool;
    } catch (error) {
      this.#pools.delete(pool.uuid);
      throw error;
    }
  }

  define(definition: PoolDefinition): SimulatedPool {
    return this.#add(definition, true);
  }

  build(pool: SimulatedPool): void {
    if (pool.active) throw poolIs(pool.name, "already active");
    if (pool.path !== null) this.#files.makeFolder(pool.path);
  }

  start(pool: SimulatedPool): void {
    if (pool.active) throw poolIs(pool.name, "already active");
    if (pool.path !== null && !this.#files.folderExists(pool.path)) throw noFolder(pool.path);
    this.#units(pool);
    pool.active = true;
    this.refresh(pool);
  }

  refresh(pool: SimulatedPool): void {
    this.#mustBeActive(pool);
    pool.known.clear();
    const { path } = pool;
    const found =
      path === null ? [...this.#units(pool).keys()] : [...this.#files.in(path), ...this.#files.foldersIn(path)];
    for (const one of found) pool.known.add(one);
  }

  /** Stops a pool; its files stay. */
  stop(pool: SimulatedPool): void {
    this.#mustBeActive(pool);
    pool.active = false;
    pool.known.clear();
    if (!pool.persistent) this.#pools.delete(pool.uuid);
  }

  undefine(pool: SimulatedPool): void {
    if (pool.active) throw poolIs(pool.name, "still active");
    this.#pools.delete(pool.uuid);
  }

  xml(pool: SimulatedPool): string {
    return poolXml({ ...pool, ...this.sizes(pool) });
  }

  sizes(pool: SimulatedPool) {
    if (pool.path === null) return { capacityBytes: 0n, allocationBytes: 0n };
    const used = this.#files
      .in(pool.path)
      .reduce((sum, path) => sum + (this.#files.get(path)?.allocationBytes ?? 0), 0);
    return { capacityBytes: CAPACITY_BYTES, allocationBytes: BigInt(used) };
  }

  volumes(pool: SimulatedPool): SimulatedVolume[] {
    this.#mustBeActive(pool);
    return [...pool.known].flatMap((path) => this.#volume(pool, path) ?? []);
  }

  volume(pool: SimulatedPool, name: string): SimulatedVolume {
    return this.volumes(pool).find((volume) => volume.name === name) ?? raise(noStorageVolume(name));
  }

  volumeByKey(key: string): SimulatedVolume {
    return this.#anywhere(key) ?? raise(noStorageVolumeByKey(key));
  }

  volumeByPath(path: string): SimulatedVolume {
    return this.#anywhere(path) ?? raise(noStorageVolumeAt(path));
  }

  createVolume(pool: SimulatedPool, { name, format, capacityBytes }: VolumeDefinition): SimulatedVolume {
    this.#mustBeActive(pool);
    if (pool.path === null)
      throw notValidNow("storage pool does not support volume creation", VIR_FROM.VIR_FROM_STORAGE);
    const path = posix.join(pool.path, name);
    if (pool.known.has(path)) throw volumeExists(name);
    if (this.#files.get(path) !== undefined || this.#files.folderExists(path)) throw volumePathTaken(path);
    if (format === "dir") {
      this.#files.makeFolder(path);
      pool.known.add(path);
      return { pool, name, path, kind: "dir", capacityBytes: 0, file: null };
    }
    const file = this.#files.create(path, format, capacityBytes);
    pool.known.add(path);
    return { pool, name, path, kind: "file", capacityBytes, file };
  }

  /**
   * A guest starts, or arrives, only where the pools of its volumes run and have them.
   *
   * @throws {LibvirtError} as for the pool or the volume that is not there.
   */
  mustHave(volumes: readonly { readonly pool: string; readonly name: string }[]): void {
    for (const { pool, name } of volumes) this.volume(this.byName(pool), name);
  }

  deleteVolume(volume: SimulatedVolume): void {
    if (volume.file !== null) this.#files.delete(volume.path);
    else if (!this.#files.removeFolder(volume.path)) throw folderNotEmpty(volume.path);
    volume.pool.known.delete(volume.path);
  }

  #anywhere(path: string): SimulatedVolume | undefined {
    const pool = this.#find((candidate) => candidate.active && candidate.known.has(path));
    return pool === undefined ? undefined : this.#volume(pool, path);
  }

  #volume(pool: SimulatedPool, path: string): SimulatedVolume | undefined {
    const unit = pool.path === null ? this.#units(pool).get(path) : undefined;
    if (unit !== undefined) return { pool, path, kind: "network", file: null, ...unit };
    const file = this.#files.get(path) ?? null;
    const name = posix.basename(path);
    if (file !== null) return { pool, name, path, kind: "file", capacityBytes: file.capacityBytes, file };
    return this.#files.folderExists(path) ? { pool, name, path, kind: "dir", capacityBytes: 0, file } : undefined;
  }

  /** Of an iSCSI target, by what libvirt has for their paths and keys; none of a folder. */
  #units({ target }: SimulatedPool): Map<string, { readonly name: string; readonly capacityBytes: number }> {
    if (target === null) return new Map();
    const capacities = this.#targets.capacities(target) ?? raise(noTarget(target.target));
    const path = `ip-${target.portal}-iscsi-${target.target}-lun-`;
    return new Map(
      capacities.map((capacityBytes, unit) => [`${path}${unit}`, { name: `unit:0:0:${unit}`, capacityBytes }]),
    );
  }

  #add(definition: PoolDefinition, persistent: boolean): SimulatedPool {
    const sameName = this.#find((pool) => pool.name === definition.name);
    if (sameName !== undefined) throw poolExists(sameName.name, sameName.uuid);
    const samePath = this.#find((pool) => pool.path !== null && pool.path === definition.path);
    if (samePath !== undefined) throw poolConflict(samePath.name);
    const pool: SimulatedPool = { ...definition, persistent, active: false, autostart: false, known: new Set() };
    this.#pools.set(pool.uuid, pool);
    return pool;
  }

  #mustBeActive(pool: SimulatedPool): void {
    if (!pool.active) throw poolIs(pool.name, "not active");
  }

  #find(fits: (pool: SimulatedPool) => boolean): SimulatedPool | undefined {
    return this.all.find(fits);
  }
}

function raise(error: Error): never {
  throw error;
}
