import { randomUUID } from "node:crypto";
import { type Bus, handle, type RpcHandler } from "@drover/bus";
import {
  abortMigration,
  deleteHost,
  forceCompleteMigration,
  liveMigrateInstance,
  migrationChanged,
  reportHeartbeat,
  reportHeldMigrations,
  reportHost,
  reportMigrationEvent,
  reportMigrationOutcome,
  resumeMigration,
  setMigrationPriority,
  tuneMigration,
  updateHost,
} from "@drover/contracts";
import { type Clock, errorChain, type Logger, type MigrationPolicy } from "@drover/model";
import { type ProgressCache, startProgressFlush } from "@drover/progress";
import { type Metrics, type RunningService, unscrapedMetrics } from "@drover/service-kit";
import type { Store } from "@drover/store";
import { auditHandler } from "./audit/audit-handler.ts";
import { audited } from "./audit/audited.ts";
import type { ConductorContext } from "./conductor-context.ts";
import { type ConductorConfig, type RetentionConfig, retentionConfig } from "./config.ts";
import { HeartbeatBatch } from "./hosts/heartbeat-batch.ts";
import { conductorMetrics } from "./metrics/conductor-metrics.ts";
import type { PolicyRules } from "./policy/policy-config.ts";
import { preflightHandlers } from "./preflight/preflight-handlers.ts";
import { judgeHeldMigrations } from "./reports/held-migrations.ts";
import { takeInEvent } from "./reports/migration-event.ts";
import { takeInOutcome } from "./reports/migration-outcome.ts";
import { recordLiveMigration } from "./requests/live-migrate-instance.ts";
import { recordOperatorRequest } from "./requests/operator-request.ts";
import { placementHandlers } from "./requests/placement-handlers.ts";
import { fleetHandlers } from "./requests/read-fleet.ts";
import { recordResume } from "./requests/resume-migration.ts";
import { serverHandlers } from "./requests/server-handlers.ts";
import { recordPriority } from "./requests/set-priority.ts";
import { tokenHandlers } from "./requests/token-handlers.ts";
import { recordTuning } from "./requests/tune-migration.ts";
import { recordHostSettings, removeHost } from "./requests/update-host.ts";
import { startWebhookDeliveries } from "./webhooks/webhook-deliveries.ts";
import { webhookHandlers } from "./webhooks/webhook-handlers.ts";
import { announcingStore } from "./work/announcing-store.ts";
import { changeAnnouncer } from "./work/change-announcer.ts";
import { startHistoryArchive } from "./work/history-archive.ts";
import { MigrationSignals, type News } from "./work/migration-signals.ts";
import { MigrationWork } from "./work/migration-work.ts";
import { startPruning } from "./work/pruning.ts";
import { RestoredDatabase } from "./work/restored-database.ts";
import { Turns } from "./work/turns.ts";

export interface ConductorDependencies {
  readonly bus: Bus;
  readonly store: Store;
  readonly progress: ProgressCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: ConductorConfig;
  /** What migrations are recorded with where nothing more specific says else. */
  readonly policy: MigrationPolicy;
  /** @default none */
  readonly policyRules?: PolicyRules;
  /** @default the defaults of `[retention]` */
  readonly retention?: RetentionConfig;
  /** @default nobody scrapes them */
  readonly metrics?: Metrics;
}

/** The progress cache is written to the store this often, ms. */
const FLUSH_INTERVAL_MS = 5_000;
const FLUSH_DUTY = "progress-flush";
/** A thousand that begin at once would wait for the scheduler, and for the agents of busy hosts, beyond their deadlines. */
const CHOICES_AT_ONCE = 32;
/** They wait for each other in the database: with a thousand at once no connection would be left for anything else. */
const SLOTS_AT_ONCE = 4;
/** As those for slots: all that are to go to one host wait for its lock. */
const CLAIMS_AT_ONCE = 3;

/** Most requests of a large fleet are heartbeats, which wait to be written together: 10,000 hosts have 260 waiting. */
const REQUESTS_AT_ONCE = 512;

/**
 * Starts a conductor: serves its RPCs, works on migrations that it holds leases for, and flushes progress. Any number
 * of them may run over one store. Stopping is a drain: what is under way may finish within a few seconds, nothing new is
 * begun, and another conductor goes on from the records.
 */
export async function startConductor(dependencies: ConductorDependencies): Promise<RunningService> {
  const { bus, clock, logger } = dependencies;
  const store = announcingStore(dependencies.store, changeAnnouncer(dependencies.progress, logger));
  const metrics = conductorMetrics(dependencies.metrics ?? unscrapedMetrics());
  const announce = (migrationUuid: string, news: News) =>
    bus.cast(migrationChanged, { migrationUuid, news }, { fanout: true }).catch((error: unknown) => {
      logger.debug({ migrationId: migrationUuid, problem: errorChain(error) }, "a change could not be announced");
    });
  const signals = new MigrationSignals(clock, announce);
  const context: ConductorContext = {
    ...dependencies,
    store,
    policyRules: dependencies.policyRules ?? { hosts: {}, metadata: [] },
    signals,
    restored: new RestoredDatabase(dependencies),
    metrics: metrics.migrations,
    choices: new Turns(CHOICES_AT_ONCE),
    claims: new Turns(CLAIMS_AT_ONCE),
    slots: new Turns(SLOTS_AT_ONCE),
  };
  const work = new MigrationWork(context);
  const rules = { allowLoopback: dependencies.config.webhook_allow_loopback };
  const server = await bus.serve({
    topic: liveMigrateInstance.topic,
    server: `conductor-${randomUUID()}`,
    maxInFlight: REQUESTS_AT_ONCE,
    handlers: audited(dependencies, [
      ...operatorHandlers(context, work),
      ...fleetHandlers(dependencies),
      ...preflightHandlers(context),
      ...placementHandlers(context),
      ...serverHandlers(context),
      ...tokenHandlers(context),
      ...agentHandlers(context),
      auditHandler(store),
      changeHandler(signals, work),
      ...webhookHandlers({ store, clock, logger, rules }),
    ]),
  });
  const flusher = `conductor-${randomUUID()}`;
  const flush = startProgressFlush({
    cache: dependencies.progress,
    underWay: () => store.progress.underWay(),
    sink: store.progress,
    intervalMs: FLUSH_INTERVAL_MS,
    duty: {
      take: (leaseMs) => store.duties.take(FLUSH_DUTY, flusher, leaseMs),
      giveBack: () => store.duties.giveBack(FLUSH_DUTY, flusher),
    },
    clock,
    logger,
  });
  metrics.watch({ store, clock, flush });
  const pruning = startPruning({
    ...{ store, clock, logger },
    config: dependencies.retention ?? retentionConfig.parse({}),
    onPruned: metrics.pruned,
  });
  const archive = startHistoryArchive({ store, progress: dependencies.progress, clock, logger });
  const webhooks = await startWebhookDeliveries({
    ...{ store, progress: dependencies.progress, clock, logger, rules },
    giveUpMs: dependencies.config.webhook_give_up_h * 3_600_000,
    onTried: metrics.webhookTried,
    onDisabled: metrics.webhookDisabled,
  });
  work.start();
  return {
    stop: async () => {
      await server.close();
      const handedOver = await work.stop();
      // Others look for work by themselves every few seconds; told, they go on at once.
      if (handedOver !== undefined) await announce(handedOver, "changed");
      await webhooks.stop();
      await pruning.stop();
      await archive.stop();
      await flush.stop();
    },
  };
}

function operatorHandlers(context: ConductorContext, work: MigrationWork): readonly RpcHandler[] {
  return [
    handle(liveMigrateInstance, async (request, info) => {
      const migration = await recordLiveMigration(context, request, info.context);
      context.signals.created(migration.uuid);
      work.lookForWork();
      return { migrationUuid: migration.uuid, migrationId: migration.id };
    }),
    handle(updateHost, async (request) => {
      const host = await recordHostSettings(context, request);
      const { enabled, disabledReason, maintenance, forcedDown, maxOutgoingMigrations, maxIncomingMigrations } = host;
      const maintenanceReason = maintenance?.reason ?? null;
      return { enabled, disabledReason, maintenanceReason, forcedDown, maxOutgoingMigrations, maxIncomingMigrations };
    }),
    handle(deleteHost, async ({ host, requestedBy }) => {
      await removeHost(context, host, requestedBy);
      return {};
    }),
    handle(abortMigration, async (request, { context: { requestId } }) => ({
      answer: await recordOperatorRequest(context, "abort", { ...request, requestId }),
    })),
    handle(forceCompleteMigration, async (request, { context: { requestId } }) => ({
      answer: await recordOperatorRequest(context, "force-complete", { ...request, requestId }),
    })),
    handle(tuneMigration, async (request, info) => ({ answer: await recordTuning(context, request, info.context) })),
    handle(setMigrationPriority, async (request, info) => ({
      answer: await recordPriority(context, request, info.context),
    })),
    handle(resumeMigration, async (request, info) => ({ answer: await recordResume(context, request, info.context) })),
  ];
}

function agentHandlers(context: ConductorContext): readonly RpcHandler[] {
  const { store, signals, restored } = context;
  const heartbeats = new HeartbeatBatch(store.hosts, context.clock, restored);
  return [
    handle(reportHost, async ({ recordsSeenAtMs, ...report }) => {
      const { host: name } = report.facts;
      const { host, heardOfBeforeMs, missingUpToMs, taken, newest } = await store.hosts.takeReport(
        report,
        (_, beforeMs) => restored.missingUpToMs(name, recordsSeenAtMs, beforeMs),
      );
      const heard = { beforeMs: heardOfBeforeMs, missingUpToMs };
      if (restored.noticed(name, recordsSeenAtMs, heard)) signals.wakeThoseOf(name);
      signals.wake(`host ${name}`);
      const newestSequence = taken ? report.sequence : Math.max(newest, report.sequence + 1);
      return { recordedAtMs: host.lastSeenAt.getTime(), newestSequence };
    }),
    handle(reportHeartbeat, async ({ host, recordsSeenAtMs }) => {
      const heard = await heartbeats.beat(host, recordsSeenAtMs);
      if (heard === undefined) return { known: false, recordedAtMs: 0 };
      if (restored.noticed(host, recordsSeenAtMs, heard)) signals.wakeThoseOf(host);
      return { known: true, recordedAtMs: heard.nowMs };
    }),
    handle(reportHeldMigrations, async (report) => ({ verdicts: await judgeHeldMigrations(context, report) })),
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
  return handle(migrationChanged, async ({ migrationUuid, news }) => {
    const isRunHere = news === "has-its-turn" ? signals.heardOfItsTurn(migrationUuid) : signals.heard(migrationUuid);
    if (!isRunHere) work.lookForWork();
  });
}
