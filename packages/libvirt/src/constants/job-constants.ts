/** virDomainJobType: kind of job, or how it ended. */
export const VIR_DOMAIN_JOB = {
  VIR_DOMAIN_JOB_NONE: 0,
  VIR_DOMAIN_JOB_BOUNDED: 1,
  VIR_DOMAIN_JOB_UNBOUNDED: 2,
  VIR_DOMAIN_JOB_COMPLETED: 3,
  VIR_DOMAIN_JOB_FAILED: 4,
  VIR_DOMAIN_JOB_CANCELLED: 5,
} as const;

/** virDomainJobOperation: what the job does (3.3.0). */
export const VIR_DOMAIN_JOB_OPERATION = {
  VIR_DOMAIN_JOB_OPERATION_UNKNOWN: 0,
  VIR_DOMAIN_JOB_OPERATION_START: 1,
  VIR_DOMAIN_JOB_OPERATION_SAVE: 2,
  VIR_DOMAIN_JOB_OPERATION_RESTORE: 3,
  VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN: 4,
  VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT: 5,
  VIR_DOMAIN_JOB_OPERATION_SNAPSHOT: 6,
  VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_REVERT: 7,
  VIR_DOMAIN_JOB_OPERATION_DUMP: 8,
  VIR_DOMAIN_JOB_OPERATION_BACKUP: 9,
  VIR_DOMAIN_JOB_OPERATION_SNAPSHOT_DELETE: 10,
} as const;

/** virDomainGetJobStatsFlags: COMPLETED asks for the last finished job, which is forgotten when read unless KEEP_COMPLETED (6.0.0) is given. */
export const VIR_DOMAIN_JOB_STATS = {
  VIR_DOMAIN_JOB_STATS_COMPLETED: 1,
  VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED: 2,
} as const;

/** virDomainAbortJobFlagsValues: POSTCOPY (8.5.0) pauses a post-copy migration so that it can be resumed. */
export const VIR_DOMAIN_ABORT_JOB = {
  VIR_DOMAIN_ABORT_JOB_POSTCOPY: 1,
} as const;

/** virDomainBlockJobType: COPY is what a migration with non-shared disks runs. */
export const VIR_DOMAIN_BLOCK_JOB_TYPE = {
  VIR_DOMAIN_BLOCK_JOB_TYPE_UNKNOWN: 0,
  VIR_DOMAIN_BLOCK_JOB_TYPE_PULL: 1,
  VIR_DOMAIN_BLOCK_JOB_TYPE_COPY: 2,
  VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT: 3,
  VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT: 4,
  VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP: 5,
} as const;

/** virConnectDomainEventBlockJobStatus: how a block job stands. */
export const VIR_DOMAIN_BLOCK_JOB = {
  VIR_DOMAIN_BLOCK_JOB_COMPLETED: 0,
  VIR_DOMAIN_BLOCK_JOB_FAILED: 1,
  VIR_DOMAIN_BLOCK_JOB_CANCELED: 2,
  VIR_DOMAIN_BLOCK_JOB_READY: 3,
} as const;

/** virDomainBlockJobSetSpeedFlags: bytes/s instead of MiB/s (1.2.6). */
export const VIR_DOMAIN_BLOCK_JOB_SPEED = { VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES: 1 } as const;
