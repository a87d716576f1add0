import { isLibvirtError, type LibvirtConnection, type StoragePool, VIR_STORAGE_XML } from "@drover/libvirt";
import { DroverError, type Logger, type PoolVolume } from "@drover/model";
import type { Journal } from "../journal/journal.ts";
import type { ConnectedPool } from "../journal/journal-entry.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { folderPoolName, unlessNoPool } from "./folder-pool.ts";
import { kindOfPool, type PoolDefinition, poolForOthers, readPool } from "./pool-definition.ts";
import { storageInUse } from "./storage-in-use.ts";
import { Turns } from "./turns.ts";

export interface PoolConnectionsOptions {
  readonly link: LibvirtLink;
  readonly host: string;
  readonly journal: Journal;
  readonly logger: Logger;
}

/** `unusable`: the volume cannot be reached through it; `problem` has the remedy. */
export type FoundPool =
  | { readonly kind: "running" | "stopped" | "missing" }
  | { readonly kind: "unusable"; readonly problem: string };

/**
 * The storage pools of guests whose disks are volumes: connected here before such a guest comes, which libvirt does not start
 * otherwise, and disconnected when none needs them any more.
 *
 * A pool that is missing is defined as the source has it, and stays defined while a guest needs it: its stored definition names
 * the pool. One that is stopped is started. Either is in the agent's file before, and is undone when no guest of this host and no
 * migration under way has a disk in it. Pools that were running are left alone.
 */
export class PoolConnections {
  readonly #options: PoolConnectionsOptions;
  /** Two migrations may bring the same pool. */
  readonly #turns = new Turns();

  constructor(options: PoolConnectionsOptions) {
    this.#options = options;
  }

  /** What there is of the volume's pool. Starts none. */
  async look(volume: PoolVolume): Promise<FoundPool> {
    const { link } = this.#options;
    const wanted = readPool(volume.poolXml);
    if (wanted.name !== volume.pool) {
      return { kind: "unusable", problem: `its storage pool ${volume.pool} is told as ${wanted.name}; ask again` };
    }
    const pool = await unlessNoPool(link.questions.storagePool.lookupByName(volume.pool));
    const problem = pool === null ? await this.#whyNotDefined(wanted) : await this.#whyOther(pool, wanted);
    if (problem !== undefined) return { kind: "unusable", problem };
    if (pool === null) return { kind: "missing" };
    if (!(await link.questions.storagePool.isActive(pool))) return { kind: "stopped" };
    const absent = await link.withBlockingConnection((connection) => this.#whyNotThere(connection, pool, volume));
    return absent === undefined ? { kind: "running" } : { kind: "unusable", problem: absent };
  }

  /**
   * Has the pool of each volume run here, with the volume in it. Pools that are begun are in the agent's file, also when this rejects.
   *
   * @param goesOn Rejects when the migration was given up meanwhile.
   * @throws {DroverError} `refused` when a pool does not start, or its volume is not in it.
   */
  async connect(volumes: readonly PoolVolume[], goesOn: () => void): Promise<void> {
    for (const volume of volumes) await this.#turns.take("", () => this.#connect(volume, goesOn));
  }

  /** Stops what was started here and no guest uses. What libvirt does not stop is logged, and tried again the next time. */
  async disconnectUnused(): Promise<void> {
    if (this.#options.journal.pools().length === 0) return;
    await this.#turns.take("", () => this.#disconnectUnused());
  }

  async #whyNotDefined(wanted: PoolDefinition): Promise<string | undefined> {
    const { link, host } = this.#options;
    const { name, type, targetPath, needsSecret } = wanted;
    const missing = `${host} has no storage pool ${name}`;
    if (needsSecret) return `${missing}, and its secret does not come along: define the secret and the pool there`;
    // What is mounted on a host is not for another host's agent to say.
    if (type === "fs" || type === "netfs")
      return `${missing}, and one of type ${type} mounts a file system: define it there`;
    if (kindOfPool(wanted) !== "files" || targetPath === null) return undefined;
    const ownName = folderPoolName(targetPath);
    if (name === ownName) return `${missing}, and that is what agents call theirs over ${targetPath}; rename it`;
    const same = await unlessNoPool(link.questions.storagePool.lookupByTargetPath(targetPath));
    if (same === null || same.name === ownName) return undefined;
    return `${missing}, and libvirt has one pool for a folder: ${targetPath} is that of its pool ${same.name}; rename that one`;
  }

  async #whyOther(pool: StoragePool, wanted: PoolDefinition): Promise<string | undefined> {
    const { link, host } = this.#options;
    const { VIR_STORAGE_XML_INACTIVE } = VIR_STORAGE_XML;
    const found = readPool(await link.questions.storagePool.getXMLDesc(pool, VIR_STORAGE_XML_INACTIVE));
    const same =
      kindOfPool(wanted) === "files"
        ? found.targetPath === wanted.targetPath && (kindOfPool(found) === "files" || found.type === "netfs")
        : found.type === wanted.type && found.storage === wanted.storage;
    if (same) return undefined;
    return (
      `the storage pool ${wanted.name} is another one on ${host} (${inWords(found)}) than on the source (${inWords(wanted)}): ` +
      "define it in the same way on both"
    );
  }

  async #whyNotThere(
    { storagePool, storageVol }: LibvirtConnection,
    pool: StoragePool,
    { volume: name, key, capacityBytes, poolXml }: PoolVolume,
  ): Promise<string | undefined> {
    const { host } = this.#options;
    try {
      await storagePool.refresh(pool);
      // A file is looked for by its path, and may be copied there.
      if (key === null) return undefined;
      const found = await storageVol.lookupByName(pool, name);
      const { capacity } = await storageVol.getInfo(found);
      // Of a file it is the path, and hosts mount a server's folder where they like.
      const isIt = readPool(poolXml).type === "netfs" || found.key === key;
      if (isIt && Number(capacity) === capacityBytes) return undefined;
      return `the volume ${name} of the storage pool ${pool.name} is another one on ${host}: see what its server gives to each host`;
    } catch (error) {
      if (!isLibvirtError(error)) throw error;
      return `the storage pool ${pool.name} on ${host} does not give the volume ${name} (${error.text}): let its server give it to that host`;
    }
  }

  async #connect(volume: PoolVolume, goesOn: () => void): Promise<void> {
    const { link, logger } = this.#options;
    const found = await this.look(volume);
    if (found.kind === "unusable") throw new DroverError("refused", found.problem);
    if (found.kind === "running") return;
    goesOn();
    await link.withBlockingConnection(async (connection) => {
      const defined = found.kind === "missing";
      // On disk before: a pool that nobody knows would run for ever.
      await this.#note({ name: volume.pool, defined });
      const pool = defined
        ? await this.#define(connection, volume)
        : await connection.storagePool.lookupByName(volume.pool);
      await this.#start(connection, pool);
      logger.info({ pool: pool.name, defined }, "the storage pool of a guest that comes was started");
      const missing = await this.#whyNotThere(connection, pool, volume);
      if (missing !== undefined) throw new DroverError("refused", missing);
    });
  }

  async #define(
    { storagePool }: LibvirtConnection,
    { pool: name, poolXml, autostart }: PoolVolume,
  ): Promise<StoragePool> {
    let pool: StoragePool;
    try {
      pool = await storagePool.defineXML(poolForOthers(poolXml));
    } catch (error) {
      if (!isLibvirtError(error)) throw error;
      // What is there under the name, if anything, is another's.
      await this.#options.journal.forgetPool(name);
      throw this.#refusal(name, error);
    }
    if (autostart) await storagePool.setAutostart(pool, true);
    return pool;
  }

  async #start({ storagePool }: LibvirtConnection, pool: StoragePool): Promise<void> {
    try {
      await storagePool.create(pool);
    } catch (error) {
      if (!isLibvirtError(error)) throw error;
      throw this.#refusal(pool.name, error);
    }
  }

  #refusal(name: string, cause: Error): DroverError {
    const remedy = "see that the host reaches its storage, or start it there by hand";
    return new DroverError("refused", `the storage pool ${name} does not start on ${this.#options.host}: ${remedy}`, {
      cause,
    });
  }

  /** A pool that was ever defined here for a guest is to be undefined, whoever stopped or removed it meanwhile. */
  async #note({ name, defined }: ConnectedPool): Promise<void> {
    const { journal } = this.#options;
    const before = journal.pools().find((pool) => pool.name === name);
    if (before === undefined || (defined && !before.defined)) await journal.putPool({ name, defined });
  }

  async #disconnectUnused(): Promise<void> {
    const { link, journal, logger } = this.#options;
    const needed = new Set(journal.preparedEntries().flatMap(({ pools }) => pools));
    const { pools, paths } = await storageInUse(link.questions);
    for (const made of journal.pools()) {
      if (needed.has(made.name) || pools.has(made.name)) continue;
      try {
        await link.withBlockingConnection((connection) => this.#disconnect(connection, made, paths));
      } catch (err) {
        if (!isLibvirtError(err)) throw err;
        logger.warn({ pool: made.name, err }, "a storage pool that no guest needs any more could not be stopped yet");
      }
    }
  }

  async #disconnect(
    connection: LibvirtConnection,
    { name, defined }: ConnectedPool,
    paths: ReadonlySet<string>,
  ): Promise<void> {
    const { journal, logger } = this.#options;
    const { storagePool } = connection;
    const pool = await unlessNoPool(storagePool.lookupByName(name));
    if (pool !== null && (await storagePool.isActive(pool))) {
      if (await isReachedByPath(connection, pool, paths)) return;
      await storagePool.destroy(pool);
    }
    if (pool !== null && defined) await storagePool.undefine(pool);
    await journal.forgetPool(name);
    logger.info({ pool: name, undefined: defined }, "a storage pool was stopped: no guest here needs it any more");
  }
}

/** A guest may have a volume for a disk by its path, without a word of the pool that keeps it there. */
async function isReachedByPath(
  { storagePool, storageVol }: LibvirtConnection,
  pool: StoragePool,
  paths: ReadonlySet<string>,
): Promise<boolean> {
  const { type, targetPath } = readPool(await storagePool.getXMLDesc(pool));
  if (type === "netfs") return [...paths].some((path) => path.startsWith(`${targetPath}/`));
  if (type !== "iscsi") return false;
  const volumes = await storagePool.listAllVolumes(pool);
  const devices = await Promise.all(volumes.map((volume) => storageVol.getPath(volume)));
  return devices.some((path) => paths.has(path));
}

function inWords({ type, storage, targetPath }: PoolDefinition): string {
  return `${type}, ${storage === "" ? targetPath : storage}`;
}
