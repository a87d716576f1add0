import { randomUUID } from "node:crypto";
import { type Bus, handle, type RpcHandler } from "@drover/bus";
import {
  abortMigration,
  forceCompleteMigration,
  liveMigrateInstance,
  migrationChanged,
  reportHeartbeat,
  reportHost,
  reportMigrationEvent,
  reportMigrationOutcome,
} from "@drover/contracts";
import { type Clock, errorChain, type Logger, type MigrationPolicy } from "@drover/model";
import { type ProgressCache, startProgressFlush } from "@drover/progress";
import type { RunningService } from "@drover/service-kit";
import type { Store } from "@drover/store";
import type { ConductorContext } from "./conductor-context.ts";
import type { ConductorConfig } from "./config.ts";
import { HeartbeatBatch } from "./hosts/heartbeat-batch.ts";
import { takeInEvent } from "./reports/migration-event.ts";
import { takeInOutcome } from "./reports/migration-outcome.ts";
import { recordLiveMigration } from "./requests/live-migrate-instance.ts";
import { recordOperatorRequest } from "./requests/operator-request.ts";
import { fleetHandlers } from "./requests/read-fleet.ts";
import { MigrationSignals } from "./work/migration-signals.ts";
import { MigrationWork } from "./work/migration-work.ts";

export interface ConductorDependencies {
  readonly bus: Bus;
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: ConductorConfig;
  readonly policy: MigrationPolicy;
}

/** The progress cache is written to the store this often, ms. */
const FLUSH_INTERVAL_MS = 5_000;

/**
 * Starts a conductor: serves its RPCs, works on migrations that it holds leases for, and flushes progress. Any number
 * of them may run over one store. Stopping ends the work between two acts; another conductor goes on from the record.
 */
export async function startConductor(dependencies: ConductorDependencies): Promise<RunningService> {
  const { bus, store, clock, logger } = dependencies;
  const signals = new MigrationSignals(clock, (migrationUuid) => {
    bus.cast(migrationChanged, { migrationUuid }, { fanout: true }).catch((error: unknown) => {
      logger.debug({ migrationId: migrationUuid, problem: errorChain(error) }, "a change could not be announced");
    });
  });
  const context: ConductorContext = { ...dependencies, signals };
  const work = new MigrationWork(context);
  const server = await bus.serve({
    topic: liveMigrateInstance.topic,
    server: `conductor-${randomUUID()}`,
    handlers: [
      ...operatorHandlers(context, work),
      ...fleetHandlers(dependencies),
      ...agentHandlers(context),
      changeHandler(signals, work),
    ],
  });
  const flush = startProgressFlush({
    cache: dependencies.progress,
    sink: store.progress,
    intervalMs: FLUSH_INTERVAL_MS,
    clock,
    logger,
  });
  work.start();
  return {
    stop: async () => {
      await server.close();
      await work.stop();
      await flush.stop();
    },
  };
}

function operatorHandlers(context: ConductorContext, work: MigrationWork): readonly RpcHandler[] {
  return [
    handle(liveMigrateInstance, async (request, info) => {
      const migration = await recordLiveMigration(context, request, info.context);
      work.lookForWork();
      return { migrationUuid: migration.uuid, migrationId: migration.id };
    }),
    handle(abortMigration, async (request) => ({ answer: await recordOperatorRequest(context, "abort", request) })),
    handle(forceCompleteMigration, async (request) => ({
      answer: await recordOperatorRequest(context, "force-complete", request),
    })),
  ];
}

function agentHandlers(context: ConductorContext): readonly RpcHandler[] {
  const { store } = context;
  const heartbeats = new HeartbeatBatch(store.hosts, context.clock);
  return [
    handle(reportHost, async ({ facts, agentVersion, guests }) => {
      await store.hosts.report(facts, agentVersion);
      await store.guests.replaceSightings(facts.host, guests);
      return {};
    }),
    handle(reportHeartbeat, async ({ host }) => ({ known: await heartbeats.beat(host) })),
    handle(reportMigrationEvent, async (report) => {
      await takeInEvent(context, report);
      return {};
    }),
    handle(reportMigrationOutcome, async (report) => {
      await takeInOutcome(context, report);
      return {};
    }),
  ];
}

/** What another conductor recorded may also be new work that nobody holds yet. */
function changeHandler(signals: MigrationSignals, work: MigrationWork): RpcHandler {
  return handle(migrationChanged, async ({ migrationUuid }) => {
    if (!signals.heard(migrationUuid)) work.lookForWork();
  });
}
