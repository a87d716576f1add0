import { randomBytes } from "node:crypto";
import { basename, join } from "node:path";
import { isLibvirtError, type LibvirtConnection } from "@drover/libvirt";
import type { Clock, Logger, StorageProof } from "@drover/model";
import type { Journal } from "../journal/journal.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { unlessNoVolume } from "./folder-pool.ts";
import type { Folders } from "./folders.ts";
import { Turns } from "./turns.ts";
import { volumeXml } from "./volume-xml.ts";

/** Begins the names of the volumes, for whoever finds one. */
const PROOF = "drover-proof-";
const CONTENT_BYTES = 512;
/** Long enough for a migration's checks and the begin of its preparation, ms; nobody looks for a proof after that. */
const LASTS_MS = 300_000;

export interface StorageProofsOptions {
  readonly link: LibvirtLink;
  readonly folders: Folders;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Proofs that two hosts see one storage behind a path: a volume of random name and content that one makes in the folder, and
 * the other finds there. Equal names, sizes or pools prove nothing: every host has a /var/lib/libvirt/images.
 *
 * A volume is in the agent's file before it is made. It is removed when its migration needs it no more, when it is older than
 * five minutes, and by the next process where an agent died.
 */
export class StorageProofs {
  readonly #options: StorageProofsOptions;
  readonly #turns = new Turns();
  /** Paths that this process has made. */
  readonly #own = new Set<string>();

  constructor(options: StorageProofsOptions) {
    this.#options = options;
  }

  /**
   * Makes one in each folder, in place of those that the migration had. None where libvirt makes none: nothing is proved of
   * such a folder.
   */
  async prove(migrationUuid: string, folders: readonly string[]): Promise<StorageProof[]> {
    return await this.#turns.take(migrationUuid, async () => {
      await this.#removeAll(migrationUuid);
      return await this.#make(migrationUuid, folders);
    });
  }

  /** Removes those of a migration. Never rejects: what is left goes when it is overdue. */
  async end(migrationUuid: string): Promise<void> {
    try {
      await this.#turns.take(migrationUuid, () => this.#removeAll(migrationUuid));
    } catch (err) {
      this.#options.logger.info({ migrationId: migrationUuid, err }, "proofs of shared storage are not removed yet");
    }
  }

  /** Removes what nobody needs any more. Rejects while libvirtd is away; what is left is removed the next time. */
  async removeOverdue(): Promise<void> {
    const { journal, clock } = this.#options;
    const nowMs = clock.now().getTime();
    const overdue = journal.proofs().filter(({ path, atMs }) => !this.#own.has(path) || nowMs - atMs > LASTS_MS);
    await this.#remove(overdue.map(({ path }) => path));
  }

  /** Whether that very volume is in that folder. Where it is not, nothing is proved: its time may be over. */
  async seen(migrationUuid: string, proof: StorageProof): Promise<boolean> {
    if (await this.#find(proof)) return true;
    // A client of NFS lists a folder from its cache for up to a minute; after a change of its own it asks the server.
    const [own] = await this.#make(migrationUuid, [proof.folder]);
    if (own === undefined) return false;
    try {
      return await this.#find(proof);
    } finally {
      await this.#remove([pathOf(own)]);
    }
  }

  async #find(proof: StorageProof): Promise<boolean> {
    const { name, content } = proof;
    const { link, folders } = this.#options;
    try {
      return await folders.withPool(pathOf(proof), (pool) =>
        link.withBlockingConnection(async ({ storageVol }) => {
          const volume = await unlessNoVolume(storageVol.lookupByName(pool, name));
          if (volume === null) return false;
          if (Number((await storageVol.getInfo(volume)).capacity) !== content.length / 2) return false;
          const pieces: Buffer[] = [];
          for await (const piece of storageVol.download(volume)) pieces.push(piece);
          return Buffer.concat(pieces).toString("hex") === content;
        }),
      );
    } catch (error) {
      if (isLibvirtError(error)) return false;
      throw error;
    }
  }

  /** Where one cannot be made it is left out. */
  async #make(migrationUuid: string, folders: readonly string[]): Promise<StorageProof[]> {
    const { link, journal, clock } = this.#options;
    const wanted = folders.map((folder) => ({
      folder,
      name: `${PROOF}${randomBytes(16).toString("hex")}`,
      content: randomBytes(CONTENT_BYTES).toString("hex"),
    }));
    const atMs = clock.now().getTime();
    const paths = wanted.map(pathOf);
    for (const path of paths) this.#own.add(path);
    await journal.putProofs(paths.map((path) => ({ migrationUuid, path, atMs })));
    const made: StorageProof[] = [];
    try {
      await link.withBlockingConnection(async (connection) => {
        for (const proof of wanted) if (await this.#write(connection, proof)) made.push(proof);
      });
      return made;
    } finally {
      const failed = wanted.filter((proof) => !made.includes(proof));
      await this.#remove(failed.map(pathOf)).catch(() => undefined);
    }
  }

  /** False where libvirt does not make it. */
  async #write({ storageVol }: LibvirtConnection, proof: StorageProof): Promise<boolean> {
    const { folders, logger } = this.#options;
    const path = pathOf(proof);
    try {
      await folders.withPool(path, async (pool) => {
        const volume = await storageVol.createXML(
          pool,
          volumeXml({ path, format: "raw", capacityBytes: CONTENT_BYTES }),
        );
        await storageVol.upload(volume, [Buffer.from(proof.content, "hex")]);
      });
      return true;
    } catch (err) {
      if (!isLibvirtError(err)) throw err;
      logger.info({ path, err }, "no volume can be made that would prove shared storage");
      return false;
    }
  }

  async #removeAll(migrationUuid: string): Promise<void> {
    const made = this.#options.journal.proofs().filter((proof) => proof.migrationUuid === migrationUuid);
    await this.#remove(made.map(({ path }) => path));
  }

  async #remove(paths: readonly string[]): Promise<void> {
    const { link, folders, journal, logger } = this.#options;
    const gone: string[] = [];
    try {
      for (const path of paths) {
        await folders.within(path, async (opened) => {
          // A folder that was unmounted may come back with what was made in it.
          if (opened.kind === "unusable") return logger.debug({ path }, "a folder with a proof cannot be opened now");
          const { storageVol } = link.questions;
          const volume = await unlessNoVolume(storageVol.lookupByName(opened.pool, basename(path)));
          if (volume !== null) await unlessNoVolume(storageVol.delete(volume));
          gone.push(path);
        });
      }
    } finally {
      for (const path of gone) this.#own.delete(path);
      await journal.forgetProofs(gone);
    }
  }
}

function pathOf({ folder, name }: StorageProof): string {
  return join(folder, name);
}
