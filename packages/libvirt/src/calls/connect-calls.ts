import type { CallOptions } from "../wire/call-options.ts";
import type { Call } from "./call.ts";

/** What to ask capabilities for; null leaves the choice to the driver. */
export interface DomainCapabilitiesQuery {
  readonly emulator?: string | null;
  readonly arch?: string | null;
  readonly machine?: string | null;
  /** `kvm`, `qemu` */
  readonly virtType?: string | null;
}

/** virConnect… and virNode…: the host as a whole. */
export function connectCalls(call: Call) {
  return {
    /** Host capabilities XML: CPU, NUMA cells, host UUID. */
    getCapabilities: async (options?: CallOptions) => (await call("connectGetCapabilities", {}, options)).capabilities,
    /** Capabilities of one emulator as XML: CPU modes, devices, features (1.2.7). */
    getDomainCapabilities: async (query: DomainCapabilitiesQuery = {}, options?: CallOptions) => {
      const args = {
        emulatorbin: query.emulator ?? null,
        arch: query.arch ?? null,
        machine: query.machine ?? null,
        virttype: query.virtType ?? null,
        flags: 0,
      };
      return (await call("connectGetDomainCapabilities", args, options)).capabilities;
    },
    getHostname: async (options?: CallOptions) => (await call("connectGetHostname", {}, options)).hostname,
    /** The driver's URI as libvirtd sees it, such as `qemu:///system`. */
    getUri: async (options?: CallOptions) => (await call("connectGetUri", {}, options)).uri,
    /** `QEMU` */
    getType: async (options?: CallOptions) => (await call("connectGetType", {}, options)).type,
    /** The hypervisor's version, major * 1000000 + minor * 1000 + release. */
    getVersion: async (options?: CallOptions) => Number((await call("connectGetVersion", {}, options)).hvVer),
    /** libvirtd's version, major * 1000000 + minor * 1000 + release. */
    getLibVersion: async (options?: CallOptions) => Number((await call("connectGetLibVersion", {}, options)).libVer),
    /** @param feature VIR_DRV_FEATURE_… */
    supportsFeature: async (feature: number, options?: CallOptions) =>
      (await call("connectSupportsFeature", { feature }, options)).supported,
    /** The host's processors and memory; `memory` in KiB, `mhz` of one processor. */
    nodeGetInfo: (options?: CallOptions) => call("nodeGetInfo", {}, options),
    /** Free memory in bytes. */
    nodeGetFreeMemory: async (options?: CallOptions) => (await call("nodeGetFreeMemory", {}, options)).freeMem,
    /** Whether the host can run this CPU: VIR_CPU_COMPARE_…. */
    compareCPU: async (xml: string, flags = 0, options?: CallOptions) =>
      (await call("connectCompareCPU", { xml, flags }, options)).result,
    /** The same for what the hypervisor can offer on this host, which is what a guest gets (4.4.0). */
    compareHypervisorCPU: async (
      xmlCPU: string,
      query: DomainCapabilitiesQuery = {},
      flags = 0,
      options?: CallOptions,
    ) => {
      const args = {
        emulator: query.emulator ?? null,
        arch: query.arch ?? null,
        machine: query.machine ?? null,
        virttype: query.virtType ?? null,
        xmlCPU,
        flags,
      };
      return (await call("connectCompareHypervisorCPU", args, options)).result;
    },
    /** The CPU that all of these can run, as XML. */
    baselineCPU: async (xmlCPUs: readonly string[], flags = 0, options?: CallOptions) =>
      (await call("connectBaselineCPU", { xmlCPUs, flags }, options)).cpu,
    /** The same from hypervisor CPUs (4.4.0). */
    baselineHypervisorCPU: async (
      xmlCPUs: readonly string[],
      query: DomainCapabilitiesQuery = {},
      flags = 0,
      options?: CallOptions,
    ) => {
      const args = {
        emulator: query.emulator ?? null,
        arch: query.arch ?? null,
        machine: query.machine ?? null,
        virttype: query.virtType ?? null,
        xmlCPUs,
        flags,
      };
      return (await call("connectBaselineHypervisorCPU", args, options)).cpu;
    },
  };
}
