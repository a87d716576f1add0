import { VIR_DOMAIN_JOB_STATS } from "../constants/job-constants.ts";
import { decodeJobStats, type JobStats } from "../job-stats.ts";
import type { Domain, TypedParam } from "../procedures/shared-structures.ts";
import type { CallOptions } from "../wire/call-options.ts";
import type { Call } from "./call.ts";

/** Which metadata element: libvirt keeps one per namespace. */
export interface MetadataElement {
  /** Namespace URI. */
  readonly uri: string;
  /** Prefix under which it is stored; needed when setting. */
  readonly key: string;
}

export interface DomainStats {
  readonly dom: Domain;
  /** Such as `state.state`, `balloon.current` (KiB), `dirtyrate.megabytes_per_second`. */
  readonly params: readonly TypedParam[];
}

/** VIR_DOMAIN_METADATA_ELEMENT */
const METADATA_ELEMENT = 2;

/** virDomain…: one guest. Flags are libvirt's own, 0 where left out. */
export function domainCalls(call: Call) {
  return {
    /** @param flags VIR_CONNECT_LIST_DOMAINS_…; 0 lists all, running or not. */
    listAll: async (flags = 0, options?: CallOptions) =>
      (await call("connectListAllDomains", { needResults: true, flags }, options)).domains,
    lookupByUUID: async (uuid: string, options?: CallOptions) =>
      (await call("domainLookupByUUID", { uuid }, options)).dom,
    lookupByName: async (name: string, options?: CallOptions) =>
      (await call("domainLookupByName", { name }, options)).dom,
    lookupByID: async (id: number, options?: CallOptions) => (await call("domainLookupByID", { id }, options)).dom,
    /** @param flags VIR_DOMAIN_XML_…; MIGRATABLE gives what a destination can be given. */
    getXMLDesc: async (dom: Domain, flags = 0, options?: CallOptions) =>
      (await call("domainGetXMLDesc", { dom, flags }, options)).xml,
    /** VIR_DOMAIN_STATE and the reason that belongs to it. */
    getState: (dom: Domain, options?: CallOptions) => call("domainGetState", { dom, flags: 0 }, options),
    /** Memory in KiB, CPU time in nanoseconds. */
    getInfo: (dom: Domain, options?: CallOptions) => call("domainGetInfo", { dom }, options),
    isPersistent: async (dom: Domain, options?: CallOptions) =>
      (await call("domainIsPersistent", { dom }, options)).persistent,
    /** @param flags VIR_DOMAIN_DEFINE_… */
    defineXML: async (xml: string, flags = 0, options?: CallOptions) =>
      (await call("domainDefineXMLFlags", { xml, flags }, options)).dom,
    /** @param flags VIR_DOMAIN_UNDEFINE_… */
    undefine: async (dom: Domain, flags = 0, options?: CallOptions) => {
      await call("domainUndefineFlags", { dom, flags }, options);
    },
    /** Starts a defined domain. @param flags VIR_DOMAIN_START_… */
    create: async (dom: Domain, flags = 0, options?: CallOptions) =>
      (await call("domainCreateWithFlags", { dom, flags }, options)).dom,
    /** Starts a transient domain from XML. @param flags VIR_DOMAIN_START_… */
    createXML: async (xmlDesc: string, flags = 0, options?: CallOptions) =>
      (await call("domainCreateXML", { xmlDesc, flags }, options)).dom,
    /** Works during a migration, which then converges with the guest standing still. */
    suspend: async (dom: Domain, options?: CallOptions) => {
      await call("domainSuspend", { dom }, options);
    },
    /** During a migration this waits for the job's end (9.0.0). */
    resume: async (dom: Domain, options?: CallOptions) => {
      await call("domainResume", { dom }, options);
    },
    /** Asks the guest; resolves when asked, not when it is off. */
    shutdown: async (dom: Domain, flags = 0, options?: CallOptions) => {
      await call("domainShutdownFlags", { dom, flags }, options);
    },
    /** Pulls the plug. @param flags VIR_DOMAIN_DESTROY_… */
    destroy: async (dom: Domain, flags = 0, options?: CallOptions) => {
      await call("domainDestroyFlags", { dom, flags }, options);
    },
    /** One namespace's metadata as XML. @throws {LibvirtError} VIR_ERR_NO_DOMAIN_METADATA if there is none. */
    getMetadata: async (dom: Domain, uri: string, flags = 0, options?: CallOptions) =>
      (await call("domainGetMetadata", { dom, type: METADATA_ELEMENT, uri, flags }, options)).metadata,
    /**
     * During a migration this waits for the job's end, and fails with VIR_ERR_OPERATION_TIMEOUT after 30 s (9.0.0).
     *
     * @param metadata XML of one element; null removes it.
     */
    setMetadata: async (
      dom: Domain,
      element: MetadataElement,
      metadata: string | null,
      flags = 0,
      options?: CallOptions,
    ) => {
      const { key, uri } = element;
      await call("domainSetMetadata", { dom, type: METADATA_ELEMENT, metadata, key, uri, flags }, options);
    },
    /** The older, untyped numbers of a job, bytes and ms. */
    getJobInfo: (dom: Domain, options?: CallOptions) => call("domainGetJobInfo", { dom }, options),
    /** The running job (1.0.3); type `none` if there is none. */
    getJobStats: async (dom: Domain, options?: CallOptions): Promise<JobStats> => {
      const { type, params } = await call("domainGetJobStats", { dom, flags: 0 }, options);
      return decodeJobStats(type, params);
    },
    /**
     * The last finished job; type `none` if nobody remembers one. Reading it forgets it unless `keep` is given, which
     * libvirtd knows since 6.0.0. On a migration's source it is there only while the domain is.
     */
    getCompletedJobStats: async (
      dom: Domain,
      { keep = false }: { readonly keep?: boolean } = {},
      options?: CallOptions,
    ): Promise<JobStats> => {
      const { VIR_DOMAIN_JOB_STATS_COMPLETED, VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED } = VIR_DOMAIN_JOB_STATS;
      const flags = VIR_DOMAIN_JOB_STATS_COMPLETED | (keep ? VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED : 0);
      const { type, params } = await call("domainGetJobStats", { dom, flags }, options);
      return decodeJobStats(type, params);
    },
    /** Asks libvirt to give the job up. The job's own call tells whether it did. */
    abortJob: async (dom: Domain, options?: CallOptions) => {
      await call("domainAbortJob", { dom }, options);
    },
    /** @param flags VIR_DOMAIN_ABORT_JOB_… (8.5.0) */
    abortJobFlags: async (dom: Domain, flags: number, options?: CallOptions) => {
      await call("domainAbortJobFlags", { dom, flags }, options);
    },
    /** Bytes: what the guest sees (`capacity`), highest byte written (`allocation`), what it takes on disk (`physical`). */
    getBlockInfo: (dom: Domain, disk: string, options?: CallOptions) =>
      call("domainGetBlockInfo", { dom, path: disk, flags: 0 }, options),
    /** Progress of one disk's job, or `found: false`. `cur` and `end` in bytes. @param disk Target or source path. */
    getBlockJobInfo: (dom: Domain, disk: string, flags = 0, options?: CallOptions) =>
      call("domainGetBlockJobInfo", { dom, path: disk, flags }, options),
    /** @param bandwidth MiB/s, or bytes/s with VIR_DOMAIN_BLOCK_JOB_SPEED_BANDWIDTH_BYTES (1); 0 lifts the bound. */
    blockJobSetSpeed: async (dom: Domain, disk: string, bandwidth: bigint, flags = 0, options?: CallOptions) => {
      await call("domainBlockJobSetSpeed", { dom, path: disk, bandwidth, flags }, options);
    },
    /** Measures for so long (1–60 s); the result is in domain stats (7.2.0). Not while a job runs. */
    startDirtyRateCalc: async (dom: Domain, seconds: number, flags = 0, options?: CallOptions) => {
      await call("domainStartDirtyRateCalc", { dom, seconds, flags }, options);
    },
    /**
     * Statistics of these domains, or of all with an empty list. While a guest migrates this may wait for
     * seconds (4 s, measured just after a copy began); with the flag NOWAIT (4.5.0) what is not to be had is left out.
     *
     * @param stats VIR_DOMAIN_STATS_…; 0 means all groups.
     * @param flags VIR_CONNECT_GET_ALL_DOMAINS_STATS_…
     */
    getStats: async (
      doms: readonly Domain[],
      stats: number,
      flags = 0,
      options?: CallOptions,
    ): Promise<readonly DomainStats[]> =>
      (await call("connectGetAllDomainStats", { doms, stats, flags }, options)).retStats,
  };
}
