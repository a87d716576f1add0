import {
  type LibvirtHandlers,
  VIR_DOMAIN_ABORT_JOB,
  VIR_DOMAIN_JOB,
  VIR_DOMAIN_JOB_STATS,
  VIR_DOMAIN_MIGRATE_MAX_SPEED,
  VIR_MIGRATE,
} from "@drover/libvirt";
import type { Clock } from "@drover/model";
import { formatDomainXml } from "../domain-xml.ts";
import { jobParams } from "../job-statistics.ts";
import { migrateDisksOf, parseMigrationRequest } from "../migration-request.ts";
import { jobLockTimeout, notRunning, notValidNow, operationFailed, unsupportedOperation } from "../refusals.ts";
import type { SimulatedFleet } from "../simulated-fleet.ts";
import { type SimulatedGuest, UNLIMITED_MIBPS } from "../simulated-guest.ts";
import type { SimulatedHost } from "../simulated-host.ts";
import { mustBeSafe } from "../simulated-migration.ts";
import { dirtyRateSeconds } from "./dirty-rate-seconds.ts";
import { done } from "./done.ts";

const JOB_WAIT_MS = 30_000;

/** Migrations and their jobs: start, watch, steer, call off. */
export function migrationHandlers(fleet: SimulatedFleet, host: SimulatedHost, clock: Clock): LibvirtHandlers {
  const guestOf = ({ dom }: { readonly dom: { readonly uuid: string; readonly name: string } }) =>
    host.byUuid(dom.uuid, dom.name);
  const runningGuestOf = (args: Parameters<typeof guestOf>[0]) => {
    const guest = guestOf(args);
    if (!guest.active) throw notRunning();
    return guest;
  };
  return {
    domainMigratePerform3Params: async (args) => {
      const guest = guestOf(args);
      const request = parseMigrationRequest(args.dconnuri, args.params, args.flags);
      if ((args.flags & VIR_MIGRATE.VIR_MIGRATE_POSTCOPY_RESUME) !== 0) {
        if (guest.outgoing === null) throw notValidNow(`migration of domain ${guest.name} is not in post-copy phase`);
        await guest.outgoing.resumePostCopy();
      } else {
        await guest.withoutJob(JOB_WAIT_MS, (ms, signal) => clock.sleep(ms, signal));
        await fleet.migrate(host, guestOf(args), request);
      }
      return { cookieOut: new Uint8Array() };
    },
    domainMigrateBegin3Params: (args) => {
      if ((args.flags & VIR_MIGRATE.VIR_MIGRATE_CHANGE_PROTECTION) !== 0) {
        throw unsupportedOperation("the simulated host migrates peer-to-peer only, and begins no other migration");
      }
      const guest = runningGuestOf(args);
      if (guest.outgoing !== null) throw jobLockTimeout("remoteDispatchDomainMigratePerform3Params");
      mustBeSafe(host, guest, { flags: args.flags, migrateDisks: migrateDisksOf(args.params) });
      return { cookieOut: new Uint8Array(), xml: formatDomainXml(guest.definition, guest.id) };
    },
    domainGetJobStats: (args) => jobStats(guestOf(args), args.flags),
    domainGetJobInfo: (args) => jobInfo(guestOf(args)),
    domainAbortJob: done((args) => abortJob(runningGuestOf(args), 0)),
    domainAbortJobFlags: done((args) => abortJob(runningGuestOf(args), args.flags)),
    domainMigrateStartPostCopy: done((args) => {
      const { outgoing } = runningGuestOf(args);
      if (outgoing === null) {
        throw notValidNow("post-copy can only be started while outgoing migration is in progress");
      }
      outgoing.startPostCopy();
    }),
    domainMigrateSetMaxDowntime: done((args) => {
      const guest = runningGuestOf(args);
      guest.maxDowntimeMs = Number(args.downtime);
      guest.outgoing?.conditionsChanged();
    }),
    domainMigrateGetMaxDowntime: (args) => ({ downtime: BigInt(runningGuestOf(args).maxDowntimeMs) }),
    domainMigrateSetMaxSpeed: done((args) => {
      const guest = guestOf(args);
      if ((args.flags & VIR_DOMAIN_MIGRATE_MAX_SPEED.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY) !== 0) return;
      guest.maxSpeedMiBps = args.bandwidth === 0n ? UNLIMITED_MIBPS : Number(args.bandwidth);
      guest.outgoing?.conditionsChanged();
    }),
    domainMigrateGetMaxSpeed: (args) => {
      const postCopy = (args.flags & VIR_DOMAIN_MIGRATE_MAX_SPEED.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY) !== 0;
      return { bandwidth: postCopy ? 0n : BigInt(guestOf(args).maxSpeedMiBps) };
    },
    domainStartDirtyRateCalc: done((args) => {
      const seconds = dirtyRateSeconds(args.seconds);
      const guest = runningGuestOf(args);
      const startedAtSeconds = Math.floor(clock.now().getTime() / 1000);
      guest.dirtyRate = { seconds, startedAtMs: clock.monotonicMs(), startedAtSeconds };
    }),
  };
}

function jobStats(guest: SimulatedGuest, flags: number) {
  const { VIR_DOMAIN_JOB_NONE, VIR_DOMAIN_JOB_UNBOUNDED, VIR_DOMAIN_JOB_COMPLETED } = VIR_DOMAIN_JOB;
  const none = { type: VIR_DOMAIN_JOB_NONE, params: [] };
  if ((flags & VIR_DOMAIN_JOB_STATS.VIR_DOMAIN_JOB_STATS_COMPLETED) !== 0) {
    const params = guest.completedJob;
    if (params === null || guest.outgoing !== null) return none;
    if ((flags & VIR_DOMAIN_JOB_STATS.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED) === 0) guest.completedJob = null;
    return { type: VIR_DOMAIN_JOB_COMPLETED, params: [...params] };
  }
  if (guest.incoming !== null) {
    throw unsupportedOperation("migration statistics are available only on the source host");
  }
  if (!guest.active) throw notRunning();
  if (guest.outgoing === null) return none;
  return {
    type: VIR_DOMAIN_JOB_UNBOUNDED,
    params: jobParams(guest.outgoing.figures(), { completed: false, operation: "out" }),
  };
}

function jobInfo(guest: SimulatedGuest) {
  if (!guest.active) throw notRunning();
  const figures = guest.outgoing?.figures();
  const whole = (value: number | undefined) => BigInt(Math.round(value ?? 0));
  const memory = {
    total: whole(figures?.memoryTotal),
    processed: whole(figures?.memoryProcessed),
    remaining: whole(figures?.memoryRemaining),
  };
  return {
    type: figures === undefined ? VIR_DOMAIN_JOB.VIR_DOMAIN_JOB_NONE : VIR_DOMAIN_JOB.VIR_DOMAIN_JOB_UNBOUNDED,
    timeElapsed: whole(figures?.elapsedMs),
    timeRemaining: 0n,
    dataTotal: memory.total,
    dataProcessed: memory.processed,
    dataRemaining: memory.remaining,
    memTotal: memory.total,
    memProcessed: memory.processed,
    memRemaining: memory.remaining,
    fileTotal: 0n,
    fileProcessed: 0n,
    fileRemaining: 0n,
  };
}

function abortJob(guest: SimulatedGuest, flags: number): void {
  const postCopy = (flags & VIR_DOMAIN_ABORT_JOB.VIR_DOMAIN_ABORT_JOB_POSTCOPY) !== 0;
  const { outgoing } = guest;
  if (postCopy && outgoing?.inPostCopy !== true) {
    throw notValidNow("current job is not outgoing migration in post-copy mode");
  }
  if (guest.incoming !== null) {
    throw notValidNow("cannot abort incoming migration; use virDomainDestroy instead");
  }
  if (outgoing === null) throw notValidNow("no job is active on the domain");
  if (outgoing.inPostCopy) {
    if (!postCopy) throw notValidNow("cannot abort migration in post-copy mode");
    outgoing.failWith(operationFailed("job 'migration out' failed in post-copy phase"));
    return;
  }
  outgoing.abort();
}
