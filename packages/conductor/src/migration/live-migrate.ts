/**
 * A live migration, top to bottom. Start reading here.
 *
 *   queued          waits for a slot on the source                        (run-migration.ts)
 *   preparing       choose-destination ─ prepare-destination ─ move-guest is being started
 *   running …       move-guest: libvirt copies, the source's agent steers and reports
 *   ─────────────── point of no return: the agent reports `arrived` ───────────────
 *   post-migrating  finish-destination ─ release-source
 *   rolling-back    the undos, from the step that failed back to the first
 *   unknown         both hosts are asked what they run                    (reconcile-migration.ts)
 *
 * The runner walks this list and nothing else decides the order. Outputs of a step are in the record before the next
 * one begins, so that any conductor can go on from it.
 */
import { chooseDestination, releaseClaim } from "./choose-destination.ts";
import { finishDestination } from "./finish-destination.ts";
import { clearMove, moveGuest } from "./move-guest.ts";
import { discardPreparation, prepareDestination } from "./prepare-destination.ts";
import { releaseSource } from "./release-source.ts";
import { step } from "./step.ts";

export const liveMigrateSteps = [
  // First, and with the claim as its last act: whatever the checks saw of free memory is held before another
  // migration can be told the same. Its undo leaves nothing behind.
  step("choose-destination", chooseDestination, { undo: releaseClaim }),

  // Before the copy is asked for: once libvirt has begun there is no time to make anything ready. Its undo never
  // touches a guest that runs.
  step("prepare-destination", prepareDestination, { undo: discardPreparation }),

  // One call to libvirt copies and switches over. Its outcome is arrived, stayed or unknown; the undo runs on "stayed"
  // only. Anything in doubt belongs to the reconciler: the guest may already run on the destination.
  step("move-guest", moveGuest, { undo: clearMove }),

  // The guest has arrived: from here on there is no way back, only forward. The destination first, since the guest
  // lives there and its definition must survive a reboot of that host.
  step("finish-destination", finishDestination, { retry: "until-done" }),

  // Last: what is left on the source is harmless while the guest runs elsewhere, and is the only copy of the
  // definition until the step before has settled it.
  step("release-source", releaseSource, { retry: "until-done" }),
] as const;
