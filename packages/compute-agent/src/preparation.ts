import type { postLiveMigration, preLiveMigration } from "@drover/contracts";
import { VIR_DOMAIN_UNDEFINE } from "@drover/libvirt";
import { type Clock, type DestinationPreparation, DroverError, isActive, type Logger } from "@drover/model";
import { type ComputeConfig, inboundEndpoint } from "./compute-config.ts";
import type { Journal } from "./journal/journal.ts";
import { domainOf, readGuest, unlessGone } from "./libvirt/guest-facts.ts";
import type { LibvirtLink } from "./libvirt/libvirt-link.ts";

type PreCommand = ReturnType<typeof preLiveMigration.request.parse>;
type Command = ReturnType<typeof postLiveMigration.request.parse>;

export interface PreparationOptions {
  readonly link: LibvirtLink;
  readonly journal: Journal;
  readonly config: ComputeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * What comes before a copy on the destination, and after it on both hosts. Every command may be repeated, and none
 * touches a guest that runs.
 */
export class Preparation {
  readonly #options: PreparationOptions;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /** Destination: remembers what was here before, and says where the copy is to come in. */
  async prepare(command: PreCommand): Promise<DestinationPreparation> {
    const { link, journal, config, clock } = this.#options;
    const { migrationUuid, serverUuid } = command;
    if (journal.prepared(migrationUuid) === undefined) {
      const found = await unlessGone(link.questions.domain.lookupByUUID(serverUuid));
      const definedBefore = found !== null;
      await journal.putPrepared({ migrationUuid, serverUuid, definedBefore, atMs: clock.now().getTime() });
    }
    return inboundEndpoint(config);
  }

  /** Destination, after arrival. @throws {DroverError} `outcome-unknown` when the guest does not run here. */
  async settleArrived(command: Command): Promise<void> {
    const { link, journal, config, logger } = this.#options;
    const found = await readGuest(link.questions, domainOf(command));
    if (found === null || !isActive(found.guest.powerState)) {
      const is = found === null ? "not here" : found.guest.powerState;
      throw new DroverError("outcome-unknown", `settling ${command.serverName} on ${config.host}: it is ${is}`);
    }
    if (!found.guest.persistent) {
      logger.info({ migrationId: command.migrationUuid }, "the guest is transient here, as it was on its source");
    }
    await journal.forgetPrepared(command.migrationUuid);
  }

  /** Source, after the guest has left. @throws {DroverError} `outcome-unknown` when it is active here. */
  async clearLeft(command: Command): Promise<void> {
    await this.#undefineUnlessActive(command, "clearing the source after a migration");
  }

  /**
   * Destination, when nothing arrives: only a definition that the migration brought is removed.
   *
   * @throws {DroverError} `outcome-unknown` when the guest runs here; `unavailable` while libvirt still takes the copy
   *   back, which it does by itself.
   */
  async releaseDestination(command: Command): Promise<void> {
    const { link, journal, config } = this.#options;
    const found = await readGuest(link.questions, domainOf(command));
    if (found?.job === "incoming") {
      throw new DroverError(
        "unavailable",
        `libvirt on ${config.host} is still ending the copy of ${command.serverName}`,
      );
    }
    // Without an entry we do not know what was here before the migration, so nothing is removed.
    const brought = journal.prepared(command.migrationUuid)?.definedBefore === false;
    if (brought) await this.#undefineUnlessActive(command, "rolling back a migration on its destination");
    await journal.forgetPrepared(command.migrationUuid);
  }

  /** Source, when nothing left: a guest that we had suspended runs again. */
  async restoreSource(command: Command): Promise<void> {
    const { link, journal, logger } = this.#options;
    if (journal.get(command.migrationUuid)?.suspended !== true) return;
    const found = await readGuest(link.questions, domainOf(command));
    if (found?.guest.powerState === "paused" && found.job === "none") {
      await link.control.domain.resume(domainOf(command));
      logger.info({ migrationId: command.migrationUuid }, "the guest that was suspended for a migration runs again");
    }
    await journal.update(command.migrationUuid, { suspended: false });
  }

  async #undefineUnlessActive(command: Command, doing: string): Promise<void> {
    const { link, config, logger } = this.#options;
    const domain = domainOf(command);
    const found = await readGuest(link.questions, domain);
    if (found === null) return;
    if (isActive(found.guest.powerState)) {
      throw new DroverError("outcome-unknown", `${doing}: ${command.serverName} is active on ${config.host}`);
    }
    // The guest's firmware variables may be on storage that it uses on the other host now.
    await unlessGone(link.control.domain.undefine(domain, VIR_DOMAIN_UNDEFINE.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM));
    logger.info(
      { migrationId: command.migrationUuid, server: command.serverName },
      "a leftover definition was removed",
    );
  }
}
