import { basename, dirname } from "node:path";
import { type ConnectionOptions, isLibvirtError, type StorageVol, VIR_STORAGE_VOL } from "@drover/libvirt";
import { type DiskToMove, DroverError, type Logger, type PreparedDisk, type StorageProof } from "@drover/model";
import type { Journal } from "../journal/journal.ts";
import type { MadeVolume, PreparedEntry } from "../journal/journal-entry.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import { blockMigrationProblem } from "./block-migration-problem.ts";
import { bringContent, type ContentSource } from "./bring-content.ts";
import { unlessNoPool, unlessNoVolume } from "./folder-pool.ts";
import type { Folders } from "./folders.ts";
import { type FolderOwner, isGuestFolder } from "./guest-folder.ts";
import { type DiskPlan, type PlaceFacts, planDisk } from "./plan-disk.ts";
import type { PoolConnections } from "./pool-connections.ts";
import { sourceUriProblem } from "./source-uri.ts";
import { storageInUse } from "./storage-in-use.ts";
import type { StorageProofs } from "./storage-proofs.ts";
import { folderXml, volumeXml } from "./volume-xml.ts";

/** A volume just made takes less than this, whatever its format and capacity: qcow2's tables and a little, bytes. */
const EMPTY_BELOW_BYTES = 1_048_576;

/**
 * What is known of the volumes that were made for a copy which is over. `surplus`: the guest is on its source, and needs none
 * of them. `undecided`: nobody has said that yet. `needed`: another host may use them.
 */
export type MadeFor = "surplus" | "undecided" | "needed";

/** What has become of a volume that was made for a copy. */
type Removal = "removed" | "absent" | "holds-data" | "not-ours" | "in-use";

/** A guest's disks, and what shows which of them are on storage that this host sees, too. */
export interface DisksToMove extends FolderOwner {
  readonly migrationUuid: string;
  readonly disks: readonly DiskToMove[];
  readonly proofs?: readonly StorageProof[] | undefined;
  /** Of the source, as its record has it: contents are read nowhere else. */
  readonly sourceLibvirtUri?: string | undefined;
  /** Nova's `block_migration`; null is `auto`. @default null */
  readonly blockMigration?: boolean | null | undefined;
}

/** What is seen in a disk's place, before anything is proved of its storage. */
type Place = Omit<PlaceFacts, "seesSameStorage" | "isBeingBrought">;

const MAY_BE_SAME =
  "a file that holds the same was there, and it could not be shown that it is another one than the source's";

export interface MakingVolumes {
  /** Rejects when the migration was given up meanwhile. Asked before each volume. */
  readonly goesOn: () => void;
  /** Resolves when this is on disk; called before a volume is made and after. */
  readonly note: (volumes: readonly MadeVolume[]) => Promise<void>;
  /** Ends a transfer under way. */
  readonly signal?: AbortSignal;
}

export interface HostStorageOptions {
  readonly link: LibvirtLink;
  readonly host: string;
  readonly logger: Logger;
  readonly journal: Journal;
  readonly folders: Folders;
  readonly proofs: StorageProofs;
  readonly pools: PoolConnections;
  /** How other hosts' libvirtd are dialled. */
  readonly connection?: ConnectionOptions;
}

/** This host's storage as migrations use it: all through libvirt, one thing after the other. */
export class HostStorage {
  readonly #link: LibvirtLink;
  readonly #host: string;
  readonly #logger: Logger;
  readonly #journal: Journal;
  readonly #connection: ConnectionOptions;
  readonly #folders: Folders;
  readonly #proofs: StorageProofs;
  readonly #pools: PoolConnections;
  /** By path: the end of what brings a read-only file's content, or compares it. */
  readonly #bringing = new Map<string, Promise<unknown>>();

  constructor(options: HostStorageOptions) {
    this.#link = options.link;
    this.#host = options.host;
    this.#logger = options.logger;
    this.#journal = options.journal;
    this.#connection = options.connection ?? {};
    this.#folders = options.folders;
    this.#proofs = options.proofs;
    this.#pools = options.pools;
  }

  /** What would become of each disk here. Makes nothing that stays. */
  async plan(wanted: DisksToMove): Promise<readonly DiskPlan[]> {
    const plans: DiskPlan[] = [];
    const takenBytes = new Map<string, number>();
    for (const disk of wanted.disks) {
      const folder = disk.path === null ? "" : dirname(disk.path);
      const taken = takenBytes.get(folder) ?? 0;
      const { path } = disk;
      const pool = disk.pool === undefined ? null : await this.#pools.look(disk.pool);
      // libvirt does not open a folder that a stopped pool has.
      const isOpen = pool === null || pool.kind === "running" || pool.kind === "missing";
      const isPlace = path !== null && disk.need !== "volume" && isOpen;
      const plan = planDisk(disk, isPlace ? await this.#facts(disk, path, taken, wanted) : null, pool);
      if (plan.action === "copy") takenBytes.set(folder, taken + disk.writtenBytes);
      plans.push(plan);
    }
    return plans;
  }

  async #facts(
    disk: DiskToMove,
    path: string,
    takenBytes: number,
    { migrationUuid, proofs = [], sourceLibvirtUri, ...owner }: DisksToMove,
  ): Promise<PlaceFacts> {
    const { contentUri } = disk;
    // The folder of a pool has to be there for it to start.
    const look = () =>
      disk.pool === undefined ? this.#look(path, takenBytes, owner) : this.#lookInFolder(path, takenBytes);
    // Before the look: what ends in between has its size then.
    const isBeingBrought = this.#bringing.has(path);
    const place = await look();
    const seesSameStorage = await this.#seesSameStorage(migrationUuid, disk, place, proofs);
    // The proof has had the folder listed anew: a file that was made there a moment ago is seen only now.
    const seen = place.place === "free" && seesSameStorage ? await look() : place;
    const sourceProblem = contentUri === undefined ? undefined : sourceUriProblem(contentUri, sourceLibvirtUri);
    return { ...seen, seesSameStorage, isBeingBrought, sourceProblem };
  }

  /** Whether the source's storage is here behind each of the disk's folders. */
  async #seesSameStorage(
    migrationUuid: string,
    { folders = [] }: DiskToMove,
    { place, makesFolder }: Place,
    proofs: readonly StorageProof[],
  ): Promise<boolean> {
    if (folders.length === 0 || place === "unusable" || makesFolder) return false;
    for (const folder of folders) {
      const proof = proofs.find((candidate) => candidate.folder === folder);
      if (proof === undefined || !(await this.#proofs.seen(migrationUuid, proof))) return false;
    }
    return true;
  }

  /**
   * Makes a volume for each disk that is copied, and brings the content of read-only ones. When this rejects, what was made
   * is among what was noted.
   *
   * @throws {DroverError} `refused` when a disk cannot come here; {@link LibvirtError} when libvirt makes no volume.
   */
  async prepare(wanted: DisksToMove, making: MakingVolumes): Promise<readonly PreparedDisk[]> {
    const { goesOn, note } = making;
    const { disks } = wanted;
    const volumes = disks.flatMap(({ pool }) => pool ?? []);
    await this.#pools.connect(volumes, goesOn);
    const plans = await this.plan(wanted);
    const refused = plans.filter(({ action }) => action === "refuse");
    if (refused.length > 0) {
      const reasons = refused.map(({ target, reason }) => `${target}: ${reason}`).join("; ");
      throw new DroverError("refused", `${this.#host} cannot take the guest's disks: ${reasons}`);
    }
    const unwanted = blockMigrationProblem(this.#host, plans, wanted.blockMigration ?? null);
    if (unwanted !== undefined) throw new DroverError("refused", unwanted);
    let made: readonly MadeVolume[] = [];
    const make = async (volume: Omit<MadeVolume, "made">, xml: string) => {
      // On disk before it is made: a volume that nobody knows would stay for ever.
      const before = made;
      made = [...before, { ...volume, made: false }];
      await note(made);
      goesOn();
      try {
        await this.#make(volume.path, xml);
      } catch (error) {
        // libvirt said no: what is there, if anything, is another's.
        if (isLibvirtError(error)) await note(before);
        throw error;
      }
      made = [...before, { ...volume, made: true }];
      await note(made);
    };
    const prepared: PreparedDisk[] = [];
    for (const plan of plans) {
      if (plan.action === "refuse") continue;
      const { target, action, path, capacityBytes, format, reason } = plan;
      let disk: PreparedDisk = { target, action, path, capacityBytes, reason };
      const folder = plan.makesFolder && path !== null ? dirname(path) : null;
      if (folder !== null && !made.some((one) => one.path === folder)) {
        await make({ path: folder, capacityBytes: 0, folder: true }, folderXml(folder));
      }
      const contentUri = disks.find((disk) => disk.target === target)?.contentUri;
      if (action === "content" && path !== null && contentUri !== undefined) {
        goesOn();
        const brought = await this.#bring({ sourceUri: contentUri, path }, capacityBytes, made, making);
        // As one that stays it is not deleted on the source, either.
        if (brought === null) disk = { ...disk, action: "stays", reason: MAY_BE_SAME };
        made = brought ?? made;
      }
      if (action === "copy" && path !== null) {
        await make({ path, capacityBytes }, volumeXml({ path, capacityBytes, format }));
      }
      prepared.push(disk);
    }
    return prepared;
  }

  /**
   * Removes what was made for a copy that did not arrive, once the guest is `notHere`: a small disk may look empty, and be
   * the guest's. What a copy has written to goes only if it is surplus, and nothing of what may be needed; the paths of what is left are
   * returned. Content that was brought is on the source, too; it stays where another guest has come to need it here.
   */
  async removeMade(
    { migrationUuid, volumes }: PreparedEntry,
    madeFor: MadeFor,
    notHere: boolean,
  ): Promise<readonly string[]> {
    const left: string[] = [];
    const hasContent = volumes.some(({ content }) => content === true);
    const neededHere = hasContent ? await this.#neededHere(migrationUuid) : new Set();
    // A folder was made before what is in it.
    for (const volume of volumes.toReversed()) {
      if (volume.folder === true) {
        await this.removeFolder(volume.path);
        continue;
      }
      const removal = await this.#remove(volume.path, (info) => {
        const isContent = volume.content === true;
        if (isContent && neededHere.has(volume.path)) return "in-use";
        const isEmpty = isContent
          ? info.capacity === 0n
          : Number(info.allocation) < EMPTY_BELOW_BYTES && Number(info.capacity) === volume.capacityBytes;
        if (madeFor === "needed") return "holds-data";
        if (notHere && (isEmpty || (volume.made && (madeFor === "surplus" || isContent)))) return undefined;
        return volume.made ? "holds-data" : "not-ours";
      });
      if (removal === "holds-data") left.push(volume.path);
      this.#logger.info({ path: volume.path, removal }, "the volume made for a copy that did not arrive");
    }
    return left;
  }

  /** Paths that guests of this host have, or are about to come with by another migration. */
  async #neededHere(migrationUuid: string): Promise<ReadonlySet<string | null>> {
    const { paths } = await storageInUse(this.#link.questions);
    const coming = this.#journal.preparedEntries().filter((entry) => entry.migrationUuid !== migrationUuid);
    return new Set([
      ...paths,
      ...this.#bringing.keys(),
      ...coming.flatMap(({ disks }) => (disks ?? []).map(({ path }) => path)),
    ]);
  }

  /** Deletes disks of a guest that runs on copies of them elsewhere. What libvirt does not delete is logged and stays. */
  async deleteCopied(paths: readonly string[]): Promise<void> {
    const { paths: inUse } = await storageInUse(this.#link.questions);
    for (const path of paths) {
      if (inUse.has(path)) {
        this.#logger.warn({ path }, "a disk that was copied to another host is another guest's here, too: it stays");
        continue;
      }
      try {
        const removal = await this.#remove(path, () => undefined);
        this.#logger.info({ path, removal }, "a disk is deleted: its guest runs on a copy on another host");
      } catch (err) {
        if (!isLibvirtError(err)) throw err;
        this.#logger.warn({ path, err }, "a disk whose guest runs on a copy elsewhere could not be deleted: it stays");
      }
    }
  }

  /** Removes a guest's own folder, unless something is in it, or it belongs to a storage pool. */
  async removeFolder(path: string): Promise<void> {
    const { storagePool, storageVol } = this.#link.questions;
    try {
      const removal = await this.#folders.within(path, async (opened) => {
        if (opened.kind === "unusable") return "absent";
        const found = await unlessNoVolume(storageVol.lookupByName(opened.pool, basename(path)));
        if (found === null) return "absent";
        const { type } = await storageVol.getInfo(found);
        const isPool = (await unlessNoPool(storagePool.lookupByTargetPath(path))) !== null;
        if (isPool || type !== VIR_STORAGE_VOL.VIR_STORAGE_VOL_DIR) return "not-ours";
        await unlessNoVolume(storageVol.delete(found));
        return "removed";
      });
      this.#logger.info({ path, removal }, "the folder of a guest that is not here");
    } catch (err) {
      if (!isLibvirtError(err)) throw err;
      this.#logger.info({ path, err }, "the folder of a guest that is not here stays: something is in it");
    }
  }

  async #look(path: string, takenBytes: number, owner: FolderOwner): Promise<Place> {
    const facts = await this.#lookInFolder(path, takenBytes);
    const folder = dirname(path);
    if (facts.place !== "unusable" || !isGuestFolder(folder, owner)) return facts;
    const above = await this.#lookInFolder(folder, takenBytes);
    if (above.place !== "free") return facts;
    return { ...above, makesFolder: true };
  }

  async #lookInFolder(path: string, takenBytes: number): Promise<Place> {
    return await this.#folders.within(path, async (opened) => {
      if (opened.kind === "unusable") {
        return { host: this.#host, place: "unusable", problem: opened.error.text, availableBytes: 0 };
      }
      const found = await unlessNoVolume(this.#link.questions.storageVol.lookupByName(opened.pool, basename(path)));
      const availableBytes = Math.max(0, opened.availableBytes - takenBytes);
      if (found === null) return { host: this.#host, place: "free", availableBytes };
      const { capacity } = await this.#link.questions.storageVol.getInfo(found);
      return { host: this.#host, place: "occupied", availableBytes, foundCapacityBytes: Number(capacity) };
    });
  }

  /**
   * Has the content of a read-only disk here, and gives what is made then; null if a file was here that holds the same. Guests
   * with one file come one after the other: what was brought with the first serves the next.
   */
  async #bring(
    source: ContentSource,
    capacityBytes: number,
    before: readonly MadeVolume[],
    making: MakingVolumes,
  ): Promise<readonly MadeVolume[] | null> {
    const { path } = source;
    for (let other = this.#bringing.get(path); other !== undefined; other = this.#bringing.get(path)) {
      await unlessAborted(other, making.signal);
    }
    const bringing = this.#bringAlone(source, capacityBytes, before, making);
    this.#bringing.set(
      path,
      bringing.catch(() => {}),
    );
    try {
      return await bringing;
    } finally {
      this.#bringing.delete(path);
    }
  }

  async #bringAlone(
    source: ContentSource,
    capacityBytes: number,
    before: readonly MadeVolume[],
    { note, signal }: MakingVolumes,
  ): Promise<readonly MadeVolume[] | null> {
    const volume = { path: source.path, capacityBytes, content: true };
    const made = [...before, { ...volume, made: true }];
    const origin = await this.#folders.withPool(source.path, (pool) =>
      bringContent(this.#link, source, pool, {
        connection: this.#connection,
        logger: this.#logger,
        ...(signal && { signal }),
        making: () => note([...before, { ...volume, made: false }]),
        made: () => note(made),
        unmade: () => note(before),
      }),
    );
    return origin === "brought" ? made : null;
  }

  async #make(path: string, xml: string): Promise<void> {
    await this.#folders.within(path, async (opened) => {
      if (opened.kind === "unusable") throw opened.error;
      // libvirt refuses a path that exists, also one that came since we looked (`storageBackendVolCreateLocal`, 9.0.0).
      await this.#link.questions.storageVol.createXML(opened.pool, xml);
    });
  }

  async #remove(
    path: string,
    whyNot: (info: { readonly capacity: bigint; readonly allocation: bigint }) => Removal | undefined,
  ): Promise<Removal> {
    const { storageVol } = this.#link.questions;
    return await this.#folders.within(path, async (opened) => {
      if (opened.kind === "unusable") return "absent";
      const volume: StorageVol | null = await unlessNoVolume(storageVol.lookupByName(opened.pool, basename(path)));
      if (volume === null) return "absent";
      const reason = whyNot(await storageVol.getInfo(volume));
      if (reason !== undefined) return reason;
      await unlessNoVolume(storageVol.delete(volume));
      return "removed";
    });
  }
}

/** Waits for what never rejects, and rejects with the signal's reason as soon as it is aborted. */
async function unlessAborted(wait: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([wait, aborted.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
