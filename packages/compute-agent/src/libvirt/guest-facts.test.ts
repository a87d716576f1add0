import { VIR_DOMAIN_PAUSED_REASON, VIR_DOMAIN_RUNNING_REASON, VIR_DOMAIN_STATE } from "@drover/libvirt";
import { expect, test } from "vitest";
import { standingOf } from "./guest-facts.ts";

const { VIR_DOMAIN_RUNNING, VIR_DOMAIN_PAUSED, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_CRASHED, VIR_DOMAIN_PMSUSPENDED } =
  VIR_DOMAIN_STATE;
const { VIR_DOMAIN_RUNNING_MIGRATED, VIR_DOMAIN_RUNNING_POSTCOPY, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED } =
  VIR_DOMAIN_RUNNING_REASON;
const paused = VIR_DOMAIN_PAUSED_REASON;

test.each([
  ["running", VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED],
  ["post-copy", VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY],
  ["post-copy-broken", VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED],
  ["paused", VIR_DOMAIN_PAUSED, paused.VIR_DOMAIN_PAUSED_USER],
  ["paused", VIR_DOMAIN_PAUSED, paused.VIR_DOMAIN_PAUSED_IOERROR],
  ["paused-by-migration", VIR_DOMAIN_PAUSED, paused.VIR_DOMAIN_PAUSED_MIGRATION],
  ["paused-by-migration", VIR_DOMAIN_PAUSED, paused.VIR_DOMAIN_PAUSED_STARTING_UP],
  ["left-in-post-copy", VIR_DOMAIN_PAUSED, paused.VIR_DOMAIN_PAUSED_POSTCOPY],
  ["post-copy-broken", VIR_DOMAIN_PAUSED, paused.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED],
  ["running", VIR_DOMAIN_PMSUSPENDED, 0],
  ["off", VIR_DOMAIN_SHUTOFF, 0],
  ["off", VIR_DOMAIN_CRASHED, 0],
] as const)("%s: libvirt's state %i for reason %i", (standing, state, reason) => {
  expect(standingOf({ state, reason })).toBe(standing);
});
