import { handle, type RpcHandler } from "@drover/bus";
import {
  checkCanLiveMigrateDestination,
  checkCanLiveMigrateSource,
  checkDestinationReach,
  endStorageProof,
  findGuest,
  liveMigration,
  liveMigrationAbort,
  liveMigrationForceComplete,
  liveMigrationResume,
  liveMigrationTune,
  pauseInstance,
  postLiveMigration,
  postLiveMigrationAtDestination,
  preLiveMigration,
  proveStorage,
  rollbackLiveMigration,
  rollbackLiveMigrationAtDestination,
  unpauseInstance,
} from "@drover/contracts";
import type { ConnectionOptions } from "@drover/libvirt";
import type { Clock } from "@drover/model";
import { checkDestination } from "./checks/check-destination.ts";
import { checkReach } from "./checks/check-reach.ts";
import { checkSource } from "./checks/check-source.ts";
import type { ComputeConfig } from "./compute-config.ts";
import { setPaused } from "./guest/set-paused.ts";
import type { GuestInventory } from "./inventory/guest-inventory.ts";
import type { Journal } from "./journal/journal.ts";
import { readStanding, unlessGone, type WhereItStands } from "./libvirt/guest-facts.ts";
import type { LibvirtLink } from "./libvirt/libvirt-link.ts";
import type { CommandFence } from "./migration/command-fence.ts";
import type { Migrations } from "./migration/migrations.ts";
import type { ResolveAddress } from "./network/inbound-address.ts";
import type { Knock } from "./network/knock.ts";
import type { Preparation } from "./preparation.ts";
import type { HostStorage } from "./storage/host-storage.ts";
import type { StorageProofs } from "./storage/storage-proofs.ts";
import type { HostFiles } from "./tls/host-files.ts";

export interface HandlerParts {
  readonly link: LibvirtLink;
  readonly inventory: GuestInventory;
  readonly journal: Journal;
  readonly fence: CommandFence;
  readonly migrations: Migrations;
  readonly preparation: Preparation;
  readonly storage: HostStorage;
  readonly proofs: StorageProofs;
  readonly config: ComputeConfig;
  readonly resolveAddress: ResolveAddress;
  readonly hostFiles: HostFiles;
  readonly clock: Clock;
  readonly libvirt: ConnectionOptions | undefined;
  readonly knock: Knock;
}

/** The topic `compute`: work, in the order of a migration. */
export function computeHandlers(parts: HandlerParts): readonly RpcHandler[] {
  const { migrations, preparation, fence, proofs } = parts;
  return [
    handle(checkCanLiveMigrateSource, (request) => checkSource(parts, request)),
    handle(checkCanLiveMigrateDestination, (request) => checkDestination(parts, request)),
    handle(proveStorage, async ({ migrationUuid, folders }) => ({
      proofs: await proofs.prove(migrationUuid, folders),
    })),
    handle(endStorageProof, ({ migrationUuid }) => proofs.end(migrationUuid)),
    handle(checkDestinationReach, (request) => checkReach(parts, request)),
    handle(preLiveMigration, async (request) => {
      fence.admit(request);
      return await preparation.prepare(request);
    }),
    handle(liveMigration, (request) => migrations.start(request)),
    handle(postLiveMigrationAtDestination, async (request) => {
      fence.admit(request);
      return await preparation.settleArrived(request);
    }),
    handle(postLiveMigration, async (request) => {
      fence.admit(request);
      await preparation.clearLeft(request);
      return {};
    }),
    handle(rollbackLiveMigrationAtDestination, async (request) => {
      fence.admit(request);
      await preparation.releaseDestination(request);
      return {};
    }),
    handle(rollbackLiveMigration, async (request) => {
      fence.admit(request);
      await migrations.callOff(request);
      await preparation.restoreSource(request);
      return {};
    }),
  ];
}

/** The topic `compute-control`: what must never stand behind work. */
export function computeControlHandlers(parts: HandlerParts): readonly RpcHandler[] {
  const { link, migrations, journal } = parts;
  const pause = (paused: boolean) => async (guest: Parameters<typeof setPaused>[1]) => {
    await setPaused(parts, guest, paused);
    return {};
  };
  return [
    handle(pauseInstance, pause(true)),
    handle(unpauseInstance, pause(false)),
    handle(liveMigrationAbort, (request) => migrations.abort(request)),
    handle(liveMigrationForceComplete, (request) => migrations.forceComplete(request)),
    handle(liveMigrationTune, (request) => migrations.tune(request)),
    handle(liveMigrationResume, (request) => migrations.resume(request)),
    handle(findGuest, async ({ serverUuid, migrationUuid }) => {
      const domain = await unlessGone(link.questions.domain.lookupByUUID(serverUuid));
      const found = domain === null ? ABSENT : await readStanding(link.questions, domain);
      const entry = migrationUuid === null ? undefined : journal.get(migrationUuid);
      return {
        ...found,
        steering: migrationUuid !== null && migrations.isSteering(migrationUuid),
        known:
          entry === undefined
            ? null
            : {
                generation: entry.generation,
                destinationHost: entry.destinationHost,
                outcome: entry.ended?.outcome ?? null,
              },
        recordsSeenAtMs: journal.recordsSeenAtMs,
      };
    }),
  ];
}

const ABSENT: WhereItStands = { guest: null, standing: "absent", job: "none" };
