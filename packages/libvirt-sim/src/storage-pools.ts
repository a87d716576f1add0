import { posix } from "node:path";
import type { HostFiles } from "./host-files.ts";
import { uuidFromName } from "./host-spec.ts";
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
  poolConflict,
  poolExists,
  poolIs,
  volumeExists,
  volumePathTaken,
} from "./refusals.ts";
import type { SimulatedFile } from "./simulated-file.ts";
import { type PoolDefinition, poolXml, type VolumeDefinition } from "./storage-xml.ts";

/** A directory pool. It knows those files of its folder that were there when it was last refreshed, and those it made. */
export interface SimulatedPool extends PoolDefinition {
  persistent: boolean;
  active: boolean;
  readonly known: Set<string>;
}

/** A volume, with the pool that knows it. */
export interface SimulatedVolume {
  readonly pool: SimulatedPool;
  readonly name: string;
  readonly path: string;
  /** Null for a folder. */
  readonly file: SimulatedFile | null;
}

const CAPACITY_BYTES = 1n << 40n;

/**
 * A host's storage pools as libvirtd's directory backend keeps them: at first one, persistent and active, as a fresh
 * libvirtd of a distribution has it. Every method refuses as libvirtd 9.0 does and changes nothing then.
 */
export class StoragePools {
  readonly #files: HostFiles;
  readonly #pools = new Map<string, SimulatedPool>();

  constructor(files: HostFiles) {
    this.#files = files;
    const definition = { name: "default", uuid: uuidFromName("pool default"), path: "/var/lib/libvirt/images" };
    this.start(this.#add(definition, true));
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
    this.#files.makeFolder(pool.path);
  }

  start(pool: SimulatedPool): void {
    if (pool.active) throw poolIs(pool.name, "already active");
    if (!this.#files.folderExists(pool.path)) throw noFolder(pool.path);
    pool.active = true;
    this.refresh(pool);
  }

  refresh(pool: SimulatedPool): void {
    this.#mustBeActive(pool);
    pool.known.clear();
    for (const path of [...this.#files.in(pool.path), ...this.#files.foldersIn(pool.path)]) pool.known.add(path);
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
    const path = posix.join(pool.path, name);
    if (pool.known.has(path)) throw volumeExists(name);
    if (this.#files.get(path) !== undefined || this.#files.folderExists(path)) throw volumePathTaken(path);
    if (format === "dir") {
      this.#files.makeFolder(path);
      pool.known.add(path);
      return { pool, name, path, file: null };
    }
    const file = this.#files.create(path, format, capacityBytes);
    pool.known.add(path);
    return { pool, name, path, file };
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
    const file = this.#files.get(path) ?? null;
    const isThere = file !== null || this.#files.folderExists(path);
    return isThere ? { pool, name: posix.basename(path), path, file } : undefined;
  }

  #add(definition: PoolDefinition, persistent: boolean): SimulatedPool {
    const sameName = this.#find((pool) => pool.name === definition.name);
    if (sameName !== undefined) throw poolExists(sameName.name, sameName.uuid);
    const samePath = this.#find((pool) => pool.path === definition.path);
    if (samePath !== undefined) throw poolConflict(samePath.name);
    const pool: SimulatedPool = { ...definition, persistent, active: false, known: new Set() };
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
