import { dirname } from "node:path";
import type {
  postLiveMigration,
  preLiveMigration,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
} from "@drover/contracts";
import {
  type Clock,
  type DestinationPreparation,
  DroverError,
  isActive,
  type Logger,
  type PreparedDisk,
} from "@drover/model";
import { type ComputeConfig, inboundEndpoint } from "./compute-config.ts";
import { readHostCapabilities } from "./guest/host-capabilities.ts";
import type { Journal } from "./journal/journal.ts";
import type { JournalEntry, PreparedEntry } from "./journal/journal-entry.ts";
import {
  domainOf,
  isSetRunningByMigration,
  readGuest,
  readStanding,
  unlessGone,
  type WhereItStands,
} from "./libvirt/guest-facts.ts";
import type { LibvirtLink } from "./libvirt/libvirt-link.ts";
import { undefineFlags } from "./libvirt/undefine-flags.ts";
import type { CommandFence } from "./migration/command-fence.ts";
import { postCopyObstacle } from "./migration/post-copy-obstacle.ts";
import { findInbound, type ResolveAddress } from "./network/inbound-address.ts";
import { isGuestFolder } from "./storage/guest-folder.ts";
import type { HostStorage, MadeFor } from "./storage/host-storage.ts";
import type { PoolConnections } from "./storage/pool-connections.ts";
import { Turns } from "./storage/turns.ts";
import type { HostFiles } from "./tls/host-files.ts";
import { destinationTls } from "./tls/native-tls.ts";
import { readQemuCertificates } from "./tls/qemu-certificates.ts";

type PreCommand = ReturnType<typeof preLiveMigration.request.parse>;
type LeftCommand = ReturnType<typeof postLiveMigration.request.parse>;
type ReleaseCommand = ReturnType<typeof rollbackLiveMigrationAtDestination.request.parse>;
type RestoreCommand = ReturnType<typeof rollbackLiveMigration.request.parse>;
type Command = Pick<LeftCommand, "migrationUuid" | "serverUuid" | "serverName">;

export interface PreparationOptions {
  readonly link: LibvirtLink;
  readonly journal: Journal;
  readonly config: ComputeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fence: CommandFence;
  readonly storage: HostStorage;
  readonly pools: PoolConnections;
  readonly resolveAddress: ResolveAddress;
  readonly hostFiles: HostFiles;
}

/**
 * What comes before a copy on the destination, and after it on both hosts. Every command may be repeated, and none
 * touches a guest that runs.
 *
 * One that stands still here is resumed or destroyed, and a definition that it may need is removed, only with the
 * conductor's word that the other host proves it right; and this host is looked at once more before.
 */
export class Preparation {
  readonly #options: PreparationOptions;
  /** Of one migration nothing is made while it is being removed: a call may end long after its sender gave it up. */
  readonly #turns = new Turns();
  /** By migration: ends what its preparation is busy with. */
  readonly #preparing = new Map<string, AbortController>();

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /**
   * Destination: remembers what was here before, makes what the guest's disks are copied into, and says where the copy is to
   * come in.
   *
   * @throws {DroverError} `refused` when the migration was rolled back meanwhile, or a disk cannot come here; `unavailable`
   *   when the inbound address does not resolve here, or only to loopback.
   */
  async prepare(command: PreCommand): Promise<DestinationPreparation> {
    return await this.#turns.take(command.migrationUuid, async () => {
      const place = await this.#placeOfArrival();
      const entry = await this.#rememberBefore(command);
      const disks = entry.disks ?? (await this.#prepareDisks(command, entry));
      return { ...place, disks: [...disks] };
    });
  }

  async #placeOfArrival(): Promise<DestinationPreparation> {
    const { config, resolveAddress, hostFiles, link } = this.#options;
    const { inboundAddress, libvirtUri } = inboundEndpoint(config);
    const inbound = await findInbound(inboundAddress, resolveAddress);
    if ("problem" in inbound) {
      throw new DroverError("unavailable", `the inbound address ${inboundAddress} ${inbound.problem}`);
    }
    const certificates = await readQemuCertificates(hostFiles, config.live_migration_with_native_tls);
    const nativeTls = destinationTls(certificates, { host: config.host, inboundAddress });
    const { connect } = link.questions;
    const [capabilities, hypervisorVersion] = await Promise.all([connect.getCapabilities(), connect.getVersion()]);
    const { qemuUid } = readHostCapabilities(capabilities);
    const place = {
      inboundAddress,
      libvirtUri,
      listenAddress: inbound.listenAddress,
      nativeTls,
      networks: config.networks,
      postCopyObstacle: await postCopyObstacle(hostFiles, { qemuUid, hypervisorVersion }),
    };
    const consoles = await findInbound(config.console_listen_addr ?? config.host, resolveAddress);
    return "problem" in consoles ? place : { ...place, consoleAddress: consoles.listenAddress };
  }

  async #rememberBefore(command: PreCommand): Promise<PreparedEntry> {
    const { link, journal, clock, fence } = this.#options;
    const { migrationUuid, serverUuid, sourceHost } = command;
    fence.admit(command);
    const known = journal.prepared(migrationUuid);
    if (known !== undefined) return known;
    const found = await unlessGone(link.questions.domain.lookupByUUID(serverUuid));
    // Once more: libvirt may have answered so late that the migration was rolled back meanwhile.
    fence.admit(command);
    const pools = [...new Set(command.disks.flatMap(({ pool }) => (pool === undefined ? [] : [pool.pool])))];
    const fresh = { volumes: [], pools, disks: null, atMs: clock.now().getTime() };
    const entry = { migrationUuid, serverUuid, sourceHost, definedBefore: found !== null, ...fresh };
    await journal.putPrepared(entry);
    return entry;
  }

  async #prepareDisks(command: PreCommand, entry: PreparedEntry): Promise<readonly PreparedDisk[]> {
    const { storage, journal, fence } = this.#options;
    // What an attempt before this one made is of no use yet; it is made anew.
    await storage.removeMade(entry, "undecided", true);
    const stop = new AbortController();
    this.#preparing.set(command.migrationUuid, stop);
    let noted = entry;
    const write = async (change: Partial<PreparedEntry>) => {
      noted = { ...noted, ...change };
      await journal.putPrepared(noted);
    };
    try {
      const disks = await storage.prepare(command, {
        goesOn: () => fence.admit(command),
        note: (volumes) => write({ volumes }),
        signal: stop.signal,
      });
      await write({ disks });
      return disks;
    } finally {
      this.#preparing.delete(command.migrationUuid);
    }
  }

  /** Destination, after arrival. @throws {DroverError} `outcome-unknown` when the guest does not run here. */
  async settleArrived(command: Command): Promise<{ readonly runsByMigration: boolean }> {
    const { link, journal, config, logger } = this.#options;
    const found = await readGuest(link.questions, domainOf(command));
    if (found === null || !isActive(found.guest.powerState)) {
      const is = found === null ? "not here" : found.guest.powerState;
      throw new DroverError("outcome-unknown", `settling ${command.serverName} on ${config.host}: it is ${is}`);
    }
    if (!found.guest.persistent) {
      logger.info({ migrationId: command.migrationUuid }, "the guest is transient here, as it was on its source");
    }
    const runsByMigration = isSetRunningByMigration(await link.questions.domain.getState(domainOf(command)));
    await journal.settlePrepared(command.migrationUuid);
    return { runsByMigration };
  }

  /**
   * Source, after the guest has left. Only a migration that this agent's file knows, and has not settled before, has left
   * anything: the guest may have come back and been shut off since.
   *
   * @throws {DroverError} `outcome-unknown` when it is active here and no remnant.
   */
  async clearLeft(command: LeftCommand): Promise<void> {
    const { journal, config, pools } = this.#options;
    const doing = "clearing the source after a migration";
    const found = await this.#stands(command);
    if (found.standing === "running") {
      throw new DroverError("outcome-unknown", `${doing}: ${command.serverName} is active on ${config.host}`);
    }
    const entry = journal.get(command.migrationUuid);
    if (entry === undefined || entry.settled) return;
    if (isRemnant(found) && command.removeRemnant) await this.#destroy(command, doing);
    await this.#undefineUnlessActive(command, doing);
    if (command.removeCopiedDisks) await this.#deleteCopiedDisks(entry, command.copiesAreWhole);
    await this.#deleteBrought(entry);
    await pools.disconnectUnused();
    await journal.update(command.migrationUuid, { settled: true });
  }

  /**
   * Destination, when nothing arrives: only a definition that the migration brought is removed, and only while the source
   * has the guest.
   *
   * @throws {DroverError} `outcome-unknown` when the guest is active here; `unavailable` while libvirt still takes the copy
   *   back, which it does by itself, or while what is here may be the last of the guest.
   */
  async releaseDestination(command: ReleaseCommand): Promise<void> {
    this.#preparing
      .get(command.migrationUuid)
      ?.abort(new DroverError("refused", `the migration of ${command.serverName} was rolled back meanwhile`));
    await this.#turns.take(command.migrationUuid, () => this.#releaseDestination(command));
  }

  async #releaseDestination(command: ReleaseCommand): Promise<void> {
    const { journal, config, pools } = this.#options;
    const doing = "rolling back a migration on its destination";
    // Without an entry we do not know what was here before the migration, so nothing is removed.
    const prepared = journal.prepared(command.migrationUuid);
    const found = await this.#stands(command);
    if (found.job === "incoming") {
      const message = `libvirt on ${config.host} is still ending the copy of ${command.serverName}`;
      throw new DroverError("unavailable", message);
    }
    if (found.standing === "paused-by-migration" && prepared !== undefined) {
      if (!command.removeRemnant) throw new DroverError("unavailable", `${doing}: a copy waits there to be started`);
      await this.#destroy(command, doing);
    }
    if (prepared?.definedBefore === false && found.standing !== "absent") {
      const decided = found.standing !== "off" || command.broughtDefinition !== "undecided";
      if (!decided) throw new DroverError("unavailable", `${doing}: the source does not say whether it has the guest`);
      if (found.standing !== "off" || command.broughtDefinition === "remove") {
        await this.#undefineUnlessActive(command, doing);
      }
    }
    if (prepared !== undefined) await this.#removeVolumes(command, prepared);
    await journal.forgetPrepared(command.migrationUuid);
    await pools.disconnectUnused();
  }

  /** What was made for the guest's disks. What a copy has written to is removed only while another host has the guest. */
  async #removeVolumes(command: ReleaseCommand, prepared: PreparedEntry): Promise<void> {
    const { storage, logger, config } = this.#options;
    const { standing } = await this.#stands(command);
    const notHere = standing === "absent" || (prepared.definedBefore && standing === "off");
    const left = await storage.removeMade(prepared, MADE_FOR[command.broughtDefinition], notHere);
    if (left.length === 0) return;
    if (command.broughtDefinition === "undecided") {
      const message = `${command.serverName} may need ${left.join(", ")} on ${config.host}: its source does not answer`;
      throw new DroverError("unavailable", message);
    }
    logger.warn(
      { migrationId: command.migrationUuid, paths: left },
      "what was made for its disks stays: its source does not have the guest, and this may be the last of it, or a third host's",
    );
  }

  /**
   * The step before has proved that the guest runs on the destination: what is here would be in the way of the next migration
   * back. Only libvirt's own word, here or there, says that all of the disks had been copied then: a person may have started the
   * guest there on a part of them.
   */
  async #deleteCopiedDisks(owner: JournalEntry, copiesAreWhole = false): Promise<void> {
    const { migrationUuid, destination, ended } = owner;
    const { storage, logger } = this.#options;
    const copied = (destination.disks ?? []).filter(({ action }) => action === "copy");
    const paths = copied.flatMap(({ path }) => (path === null ? [] : [path]));
    if (paths.length === 0) return;
    if (ended?.outcome === "arrived" || copiesAreWhole) {
      await storage.deleteCopied(paths);
      return await this.#removeGuestFolders(paths, owner);
    }
    const message = "disks that were copied stay: libvirt did not say that the copy was whole; delete them when it is";
    logger.warn({ migrationId: migrationUuid, paths }, message);
  }

  /**
   * A file that an earlier migration had brought here with the guest goes with it; it needs it nowhere but where it runs.
   * The one that its user had put here is the user's: it stays, and serves when the guest comes back.
   */
  async #deleteBrought(owner: JournalEntry): Promise<void> {
    const { serverUuid, destination } = owner;
    const { storage, journal } = this.#options;
    const paths = journal.broughtWith(serverUuid);
    if (paths.length === 0) return;
    // One on storage that the destination sees, too, is what the guest uses there.
    const stays = new Set((destination.disks ?? []).filter(({ action }) => action === "stays").map(({ path }) => path));
    const left = paths.filter((path) => !stays.has(path));
    await storage.deleteCopied(left);
    await this.#removeGuestFolders(left, owner);
    await journal.forgetBrought(paths);
  }

  /** Folders that were of the guest alone, and have nothing in them any more. */
  async #removeGuestFolders(paths: readonly string[], owner: JournalEntry): Promise<void> {
    const folders = new Set(paths.map((path) => dirname(path)).filter((folder) => isGuestFolder(folder, owner)));
    for (const folder of folders) await this.#options.storage.removeFolder(folder);
  }

  /**
   * Source, when nothing left: a guest that the migration had stopped runs again.
   *
   * @throws {DroverError} `unavailable` while it must not: the destination was not asked, or did not answer.
   */
  async restoreSource(command: RestoreCommand): Promise<void> {
    const { link, journal, logger, config } = this.#options;
    const entry = journal.get(command.migrationUuid);
    if (entry === undefined || entry.settled) return;
    const found = await this.#stands(command);
    const stopped = found.standing === "paused-by-migration" || (found.standing === "paused" && entry.suspended);
    if (stopped && found.job !== "none") {
      throw new DroverError("unavailable", `libvirt on ${config.host} is still busy with ${command.serverName}`);
    }
    if (stopped) {
      if (!command.mayResume) {
        const message = `${command.serverName} stands still on ${config.host}: it runs again once its destination was asked`;
        throw new DroverError("unavailable", message);
      }
      await link.control.domain.resume(domainOf(command));
      logger.info({ migrationId: command.migrationUuid }, "the guest that was stopped for a migration runs again");
    }
    await journal.update(command.migrationUuid, { suspended: false, settled: true });
  }

  /**
   * What the file still holds of migrations that are over, whose clean-up never reached this host: it was down, or its
   * conductor gave it up. What stands still or lies shut off goes only while another host runs the guest; copies of its disks
   * only while the one does that the migration has left them to.
   *
   * @param runsOn Another host that runs the guest; null if none is known to.
   */
  async releaseHeld(migrationUuid: string, runsOn: string | null): Promise<void> {
    await this.#turns.take(migrationUuid, () => this.#releaseHeld(migrationUuid, runsOn));
  }

  async #releaseHeld(migrationUuid: string, runsOn: string | null): Promise<void> {
    const { journal, logger, storage, pools } = this.#options;
    const entry = journal.get(migrationUuid);
    const prepared = journal.prepared(migrationUuid);
    const command = { migrationUuid, serverUuid: entry?.serverUuid ?? prepared?.serverUuid ?? "", serverName: "" };
    const doing = "releasing what a migration left behind";
    const found = await this.#stands({ ...command, serverName: entry?.serverName ?? command.serverUuid });
    const active = found.standing === "running" || found.job !== "none";
    // A guest that stayed left nothing behind: what is here of it is its own.
    const left = entry !== undefined && !entry.settled && entry.ended?.outcome !== "stayed";
    const ours = left || (entry === undefined && prepared?.definedBefore === false);
    if (entry?.ended?.outcome === "stayed" && entry.suspended && !entry.settled && found.standing === "paused") {
      logger.warn({ migrationId: migrationUuid, server: entry.serverName }, STANDS_STILL);
      return;
    }
    let isHere = found.standing !== "absent";
    if (ours && !active && isHere) {
      // What a person has stopped here is a person's to end, whoever runs the guest.
      const byPerson = found.standing === "paused" && entry?.suspended !== true;
      if (runsOn === null || byPerson) return;
      if (isRemnant(found)) await this.#destroy(command, doing);
      await this.#undefineUnlessActive(command, doing);
      isHere = false;
      logger.info({ migrationId: migrationUuid, was: found.standing }, "what a migration had left behind was released");
    }
    // A third host, to which somebody has moved the guest, may share the storage that its disks are on here.
    if (entry !== undefined && left && runsOn === entry.destinationHost) {
      await this.#deleteCopiedDisks(entry);
      if (entry.ended?.outcome === "arrived") await this.#deleteBrought(entry);
    }
    if (prepared !== undefined && !active) {
      const kept = await storage.removeMade(prepared, madeFor(prepared, runsOn), !isHere);
      // Nobody has said yet that the guest does not need them.
      if (kept.length > 0 && runsOn === null) return;
      if (kept.length > 0) logger.warn({ migrationId: migrationUuid, paths: kept, runsOn }, KEPT);
    }
    if (entry !== undefined) await journal.update(migrationUuid, { settled: true });
    await journal.forgetPrepared(migrationUuid);
    await pools.disconnectUnused();
  }

  #stands(command: Command): Promise<WhereItStands> {
    return readStanding(this.#options.link.questions, domainOf(command));
  }

  async #destroy(command: Command, doing: string): Promise<void> {
    const { link, logger } = this.#options;
    logger.warn(
      { migrationId: command.migrationUuid, doing },
      "a copy that stands still is ended: the guest is elsewhere",
    );
    await unlessGone(link.control.domain.destroy(domainOf(command)));
  }

  async #undefineUnlessActive(command: Command, doing: string): Promise<void> {
    const { link, config, logger } = this.#options;
    const domain = domainOf(command);
    const found = await readGuest(link.questions, domain);
    if (found === null) return;
    if (isActive(found.guest.powerState)) {
      throw new DroverError("outcome-unknown", `${doing}: ${command.serverName} is active on ${config.host}`);
    }
    const flags = undefineFlags(await link.questions.connect.getLibVersion());
    await unlessGone(link.control.domain.undefine(domain, flags));
    logger.info(
      { migrationId: command.migrationUuid, server: command.serverName },
      "a leftover definition was removed",
    );
  }
}

/** Nobody has said that the destination has no copy which could run. */
const STANDS_STILL =
  "a guest that was suspended to complete its migration stands still here, and its migration is over: make sure that its " +
  "destination does not run it, and resume it (virsh resume)";

/** What the conductor's word on a definition says of the disks that were made with it. */
const MADE_FOR = { remove: "surplus", keep: "needed", undecided: "undecided" } as const satisfies Record<
  ReleaseCommand["broughtDefinition"],
  MadeFor
>;

const KEPT = "what was made for a guest's disks stays: it was not shown to be surplus";

function madeFor({ sourceHost }: PreparedEntry, runsOn: string | null): MadeFor {
  if (runsOn === null) return "undecided";
  return runsOn === sourceHost ? "surplus" : "needed";
}

/** A copy that stands still, with nothing of libvirt's under way. A guest that runs is never one. */
function isRemnant({ standing, job }: WhereItStands): boolean {
  return (
    job === "none" && (standing === "paused" || standing === "paused-by-migration" || standing === "left-in-post-copy")
  );
}
