import { aggregateRecords } from "./aggregate-records.ts";
import { auditRecords } from "./audit-records.ts";
import type { Database } from "./database.ts";
import { destinationClaims } from "./destination-claims.ts";
import { duties } from "./duties.ts";
import { readFleetFigures } from "./fleet-figures.ts";
import { flushedProgress } from "./flushed-progress.ts";
import { guestSightings } from "./guest-sightings.ts";
import { hostRecords } from "./host-records.ts";
import { acquireLeases, releaseLease, renewLeases } from "./leases.ts";
import { logBounds, readLog, readLogAfter, readLogRange } from "./migration-log.ts";
import { readQueue } from "./migration-queue.ts";
import {
  adoptMigration,
  appendLog,
  createMigration,
  getMigration,
  getMigrations,
  getMigrationsById,
  listMigrations,
  updateMigration,
} from "./migration-records.ts";
import { placementReading } from "./placement-reading.ts";
import { progressHistories } from "./progress-histories.ts";
import { pruneMigrations } from "./prune-migrations.ts";
import { serverActionRecords } from "./server-action-records.ts";
import { serverGroupRecords } from "./server-group-records.ts";
import { serverLocks } from "./server-locks.ts";
import { serverZones } from "./server-zones.ts";
import { takeSourceSlot } from "./source-slots.ts";
import type { Store } from "./store.ts";
import { tokenRecords } from "./token-records.ts";
import { webhookRecords } from "./webhook-records.ts";

/** More than a migration's record is ever written: nothing that agents have seen of it is newer then. */
const RESTORED_RAISE = 1_000_000;

/** The store over either database: all queries are common to both. */
export function databaseStore(database: Database): Store {
  return {
    migrations: {
      create: (migration, log) => createMigration(database, migration, log),
      get: (uuid) => getMigration(database, { uuid }),
      getById: (id) => getMigration(database, { id }),
      getMany: (uuids) => getMigrations(database, uuids),
      getManyById: (ids) => getMigrationsById(database, ids),
      list: (filter) => listMigrations(database, filter),
      update: (uuid, expected, change, log) => updateMigration(database, uuid, expected, change, log),
      updateRestored: (uuid, expected, change, log) =>
        updateMigration(database, uuid, expected, change, log, RESTORED_RAISE),
      adopt: (migration, log) => adoptMigration(database, migration, log),
      takeSourceSlot: (uuid, expected, limits, change, log) =>
        takeSourceSlot(database, uuid, expected, limits, change, log),
      queue: () => readQueue(database),
      readLog: (...uuids) => readLog(database, uuids),
      readLogAfter: (afterId, limit) => readLogAfter(database, afterId, limit),
      readLogRange: (range) => readLogRange(database, range),
      logBounds: () => logBounds(database),
      prune: (before, limit) => pruneMigrations(database, before, limit),
      appendLog: (uuid, state, line) => appendLog(database, uuid, state, line),
      acquireLeases: (owner, leaseMs, limit) => acquireLeases(database, owner, leaseMs, limit),
      renewLeases: (owner, uuids, leaseMs) => renewLeases(database, owner, uuids, leaseMs),
      releaseLease: (owner, uuid) => releaseLease(database, owner, uuid),
    },
    claims: destinationClaims(database),
    hosts: hostRecords(database),
    guests: guestSightings(database),
    placement: placementReading(database),
    progress: flushedProgress(database),
    histories: progressHistories(database),
    serverGroups: serverGroupRecords(database),
    aggregates: aggregateRecords(database),
    serverZones: serverZones(database),
    tokens: tokenRecords(database),
    serverLocks: serverLocks(database),
    serverActions: serverActionRecords(database),
    duties: duties(database),
    audit: auditRecords(database),
    figures: () => readFleetFigures(database),
    webhooks: webhookRecords(database),
    ping: () => database.ping(),
    close: () => database.close(),
  };
}
