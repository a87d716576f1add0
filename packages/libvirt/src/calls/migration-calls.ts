import { encodeMigrationParams, type MigrationParams } from "../migration-params.ts";
import type { Domain } from "../procedures/shared-structures.ts";
import type { CallOptions } from "../wire/call-options.ts";
import { unsignedBigint } from "../xdr/primitives.ts";
import type { Call } from "./call.ts";

const NO_COOKIE = new Uint8Array();

/** virDomainMigrate…: moving a guest, and steering the move. */
export function migrationCalls(call: Call) {
  return {
    /**
     * Peer-to-peer migration: the source's libvirtd connects to the destination's and does every step. Resolves when the
     * guest has arrived and the source is cleaned up; that takes as long as the migration, so there is no deadline
     * unless one is given, and the call wants a connection of its own: {@link LibvirtHost.migrate} gives it one.
     *
     * If this rejects with `libvirt` the guest almost always stayed; on `outcome-unknown`, `deadline-exceeded` and an
     * abort of the signal the migration goes on without us, and job stats on another connection find it.
     *
     * @param destinationUri The destination as the source's libvirtd reaches it: `qemu+tls://host/system`.
     * @param flags VIR_MIGRATE_…; VIR_MIGRATE_PEER2PEER must be among them.
     */
    perform3Params: async (
      dom: Domain,
      destinationUri: string,
      params: MigrationParams,
      flags: number,
      options: CallOptions = {},
    ) => {
      await call(
        "domainMigratePerform3Params",
        { dom, dconnuri: destinationUri, params: encodeMigrationParams(params), cookieIn: NO_COOKIE, flags },
        { deadlineMs: Number.POSITIVE_INFINITY, ...options },
      );
    },
    /**
     * The guest's definition for a destination, once libvirt has found nothing against such a migration: it rejects as the
     * migration itself would on its source. Without VIR_MIGRATE_CHANGE_PROTECTION among the flags nothing is begun.
     */
    begin3Params: async (dom: Domain, params: MigrationParams, flags: number, options?: CallOptions) =>
      (await call("domainMigrateBegin3Params", { dom, params: encodeMigrationParams(params), flags }, options)).xml,
    /** Longest standstill at switch-over, ms. Works while a migration runs, and before one. */
    setMaxDowntime: async (dom: Domain, downtimeMs: number, options?: CallOptions) => {
      await call("domainMigrateSetMaxDowntime", { dom, downtime: unsignedBigint(downtimeMs), flags: 0 }, options);
    },
    /** ms (3.7.0) */
    getMaxDowntime: async (dom: Domain, options?: CallOptions) =>
      Number((await call("domainMigrateGetMaxDowntime", { dom, flags: 0 }, options)).downtime),
    /** Upper bound for the memory copy, MiB/s. @param flags VIR_DOMAIN_MIGRATE_MAX_SPEED_… */
    setMaxSpeed: async (dom: Domain, bandwidthMiBps: number, flags = 0, options?: CallOptions) => {
      await call("domainMigrateSetMaxSpeed", { dom, bandwidth: unsignedBigint(bandwidthMiBps), flags }, options);
    },
    /** MiB/s; "unlimited" is a number so large that only a bigint holds it. */
    getMaxSpeed: async (dom: Domain, flags = 0, options?: CallOptions) =>
      (await call("domainMigrateGetMaxSpeed", { dom, flags }, options)).bandwidth,
    /** Switches a running migration that was started with VIR_MIGRATE_POSTCOPY (1.3.3). */
    startPostCopy: async (dom: Domain, options?: CallOptions) => {
      await call("domainMigrateStartPostCopy", { dom, flags: 0 }, options);
    },
  };
}
