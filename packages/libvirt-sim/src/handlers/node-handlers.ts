import { type LibvirtHandlers, VIR_CPU_COMPARE } from "@drover/libvirt";
import { cpuXml } from "../host-xml.ts";
import type { SimulatedHost } from "../simulated-host.ts";

/** The host's machine: CPUs, memory, and whether a CPU would do. */
export function nodeHandlers(host: SimulatedHost): LibvirtHandlers {
  const { spec } = host;
  const compare = (xml: string) => ({ result: compareCpu(xml, spec.cpuModel) });
  return {
    nodeGetInfo: () => ({
      model: "x86_64",
      memory: BigInt(spec.memoryMiB * 1024),
      cpus: spec.cpus,
      mhz: 2600,
      nodes: 1,
      sockets: 1,
      cores: spec.cpus,
      threads: 1,
    }),
    nodeGetFreeMemory: () => ({ freeMem: BigInt(host.freeMemoryKiB) * 1024n }),
    nodeGetCellsFreeMemory: () => ({ cells: [BigInt(host.freeMemoryKiB) * 1024n] }),
    nodeGetSecurityModel: () => ({ model: "none", doi: "0" }),
    connectCompareCPU: ({ xml }) => compare(xml),
    connectCompareHypervisorCPU: ({ xmlCPU }) => compare(xmlCPU),
    connectBaselineCPU: () => ({ cpu: cpuXml(spec) }),
    connectBaselineHypervisorCPU: () => ({ cpu: cpuXml(spec) }),
  };
}

/** CPU models old enough that every simulated host has all of them. */
const COMMON_MODELS: ReadonlySet<string> = new Set(["qemu64", "kvm64", "Nehalem", "Westmere", "SandyBridge"]);

function compareCpu(xml: string, hostModel: string): number {
  const model = /<model[^>]*>([^<]*)<\/model>/.exec(xml)?.[1]?.trim();
  if (model === hostModel) return VIR_CPU_COMPARE.VIR_CPU_COMPARE_IDENTICAL;
  if (model === undefined || COMMON_MODELS.has(model)) return VIR_CPU_COMPARE.VIR_CPU_COMPARE_SUPERSET;
  return VIR_CPU_COMPARE.VIR_CPU_COMPARE_INCOMPATIBLE;
}
