import { initial } from "./0001-initial.ts";
import { recovery } from "./0002-recovery.ts";
import { blockMigration } from "./0003-block-migration.ts";
import { queue } from "./0004-queue.ts";
import { policies } from "./0005-policies.ts";
import { logRequests } from "./0006-log-requests.ts";
import { placement } from "./0007-placement.ts";
import { destinationQueue } from "./0008-destination-queue.ts";
import { tokens } from "./0009-tokens.ts";
import { locks } from "./0010-locks.ts";
import { traces } from "./0011-traces.ts";
import { retention } from "./0012-retention.ts";
import { audit } from "./0013-audit.ts";
import { webhooks } from "./0014-webhooks.ts";
import { auditEntryIds } from "./0015-audit-entry-ids.ts";
import { serverActions } from "./0016-server-actions.ts";
import { guestNames } from "./0017-guest-names.ts";
import { placementChanges } from "./0018-placement-changes.ts";
import { hostBeats } from "./0019-host-beats.ts";
import { progressHistories } from "./0020-progress-histories.ts";
import type { SchemaChange } from "./schema-change.ts";

/** Every change in order; the last one's number is the version that this code works with. */
export const schemaChanges: readonly SchemaChange[] = [
  initial,
  recovery,
  blockMigration,
  queue,
  policies,
  logRequests,
  placement,
  destinationQueue,
  tokens,
  locks,
  traces,
  retention,
  audit,
  webhooks,
  auditEntryIds,
  serverActions,
  guestNames,
  placementChanges,
  hostBeats,
  progressHistories,
];
