import { VIR_MIGRATE } from "@drover/libvirt";
import { defaultPolicy } from "@drover/model";
import { expect, test } from "vitest";
import { inferFlags } from "./infer-flags.ts";
import { resumeArguments } from "./resume-post-copy.ts";

test("the call that resumes has the start's addresses and flags, and no choice of the start again", () => {
  const policy = { ...defaultPolicy, permitPostCopy: true, bandwidthMiBps: 60, compression: "xbzrle" as const };
  const destination = { libvirtUri: "qemu+tcp://h2/system", inboundAddress: "10.0.0.2" };
  const versions = { hypervisorVersion: 8_002_000, libvirtVersion: 10_000_000 };
  const { flags, params } = resumeArguments({
    flags: inferFlags({
      persistent: true,
      paused: false,
      guest: [],
      policy,
      destination,
      sourceHost: "h1",
      destinationHost: "h2",
      sourceTls: { required: false, missing: null },
      versions: [versions, versions],
      canLockMemory: true,
    }),
  });
  expect(flags).toBe(
    VIR_MIGRATE.VIR_MIGRATE_LIVE |
      VIR_MIGRATE.VIR_MIGRATE_PEER2PEER |
      VIR_MIGRATE.VIR_MIGRATE_PERSIST_DEST |
      VIR_MIGRATE.VIR_MIGRATE_UNDEFINE_SOURCE |
      VIR_MIGRATE.VIR_MIGRATE_POSTCOPY |
      VIR_MIGRATE.VIR_MIGRATE_POSTCOPY_RESUME,
  );
  expect(params).toEqual({ migrateUri: "tcp://10.0.0.2", listenAddress: "10.0.0.2" });
});
