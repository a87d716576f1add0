import { dirname } from "node:path";
import type { StoragePool } from "@drover/libvirt";
import type { Logger } from "@drover/model";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { type OpenedFolder, withFolderPool } from "./folder-pool.ts";
import { Turns } from "./turns.ts";

/** This host's folders as storage pools, for all that the agent does with files there. */
export class Folders {
  readonly #link: LibvirtLink;
  readonly #logger: Logger;
  readonly #turns = new Turns();
  /** How many transfers need the pool of a folder. */
  readonly #holds = new Map<string, number>();

  constructor(link: LibvirtLink, logger: Logger) {
    this.#link = link;
    this.#logger = logger;
  }

  /** Runs what is quick with the folder of `path`: one after the other, for libvirt has one pool for a folder. */
  within<T>(path: string, work: (opened: OpenedFolder) => Promise<T>): Promise<T> {
    return this.#turns.take("", () => {
      const folder = dirname(path);
      return withFolderPool(this.#link.questions, folder, work, () => (this.#holds.get(folder) ?? 0) > 0);
    });
  }

  /**
   * Runs what takes long with the pool of a path's folder, while others use it and their turns go on.
   *
   * @throws {LibvirtError} when libvirt cannot open the folder.
   */
  async withPool<T>(path: string, work: (pool: StoragePool) => Promise<T>): Promise<T> {
    const folder = dirname(path);
    const hold = (change: number) => this.#holds.set(folder, (this.#holds.get(folder) ?? 0) + change);
    const pool = await this.within(path, async (opened) => {
      if (opened.kind === "unusable") throw opened.error;
      hold(1);
      return opened.pool;
    });
    try {
      return await work(pool);
    } finally {
      hold(-1);
      // Whoever uses the folder last stops a pool of ours; what goes wrong here must not hide what the work came to.
      await this.within(path, async () => {}).catch((err: unknown) =>
        this.#logger.warn({ folder, err }, "a storage pool for a transfer could not be stopped yet"),
      );
    }
  }
}
