import { array, none, struct } from "../xdr/composites.ts";
import { bool, charArray, charVector, i32, opaque, u32, u64 } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { namedStat, optionalText, text } from "./shared-structures.ts";

export const nodeProcedures = {
  nodeGetInfo: procedure({
    number: 6,
    since: "0.1.0",
    changes: false,
    args: none,
    ret: struct([
      ["model", charVector(32)], // remote_node_get_info_ret
      ["memory", u64],
      ["cpus", i32],
      ["mhz", i32],
      ["nodes", i32],
      ["sockets", i32],
      ["cores", i32],
      ["threads", i32],
    ]),
  }),
  nodeGetFreeMemory: procedure({
    number: 102,
    since: "0.3.3",
    changes: false,
    args: none,
    ret: struct([
      ["freeMem", u64], // remote_node_get_free_memory_ret
    ]),
  }),
  nodeGetMemoryStats: procedure({
    number: 228,
    since: "0.9.3",
    changes: false,
    args: struct([
      ["nparams", i32], // remote_node_get_memory_stats_args
      ["cellNum", i32],
      ["flags", u32],
    ]),
    ret: struct([
      ["params", array(namedStat, 16)], // remote_node_get_memory_stats_ret
      ["nparams", i32],
    ]),
  }),
  nodeGetCPUStats: procedure({
    number: 227,
    since: "0.9.3",
    changes: false,
    args: struct([
      ["cpuNum", i32], // remote_node_get_cpu_stats_args
      ["nparams", i32],
      ["flags", u32],
    ]),
    ret: struct([
      ["params", array(namedStat, 16)], // remote_node_get_cpu_stats_ret
      ["nparams", i32],
    ]),
  }),
  nodeGetSecurityModel: procedure({
    number: 122,
    since: "0.6.1",
    changes: false,
    args: none,
    ret: struct([
      ["model", charArray(257)], // remote_node_get_security_model_ret
      ["doi", charArray(257)],
    ]),
  }),
  nodeGetCPUMap: procedure({
    number: 293,
    since: "1.0.0",
    changes: false,
    args: struct([
      ["needMap", bool], // remote_node_get_cpu_map_args
      ["needOnline", bool],
      ["flags", u32],
    ]),
    ret: struct([
      ["cpumap", opaque(2048)], // remote_node_get_cpu_map_ret
      ["online", u32],
      ["ret", i32],
    ]),
  }),
  nodeGetCellsFreeMemory: procedure({
    number: 101,
    since: "0.3.3",
    changes: false,
    args: struct([
      ["startCell", i32], // remote_node_get_cells_free_memory_args
      ["maxcells", i32],
    ]),
    ret: struct([
      ["cells", array(u64, 1024)], // remote_node_get_cells_free_memory_ret
    ]),
  }),
  connectCompareCPU: procedure({
    number: 158,
    since: "0.7.5",
    changes: false,
    args: struct([
      ["xml", text], // remote_connect_compare_cpu_args
      ["flags", u32],
    ]),
    ret: struct([
      ["result", i32], // remote_connect_compare_cpu_ret
    ]),
  }),
  connectCompareHypervisorCPU: procedure({
    number: 393,
    since: "4.4.0",
    changes: false,
    args: struct([
      ["emulator", optionalText], // remote_connect_compare_hypervisor_cpu_args
      ["arch", optionalText],
      ["machine", optionalText],
      ["virttype", optionalText],
      ["xmlCPU", text],
      ["flags", u32],
    ]),
    ret: struct([
      ["result", i32], // remote_connect_compare_hypervisor_cpu_ret
    ]),
  }),
  connectBaselineCPU: procedure({
    number: 162,
    since: "0.7.7",
    changes: false,
    args: struct([
      ["xmlCPUs", array(text, 256)], // remote_connect_baseline_cpu_args
      ["flags", u32],
    ]),
    ret: struct([
      ["cpu", text], // remote_connect_baseline_cpu_ret
    ]),
  }),
  connectBaselineHypervisorCPU: procedure({
    number: 394,
    since: "4.4.0",
    changes: false,
    args: struct([
      ["emulator", optionalText], // remote_connect_baseline_hypervisor_cpu_args
      ["arch", optionalText],
      ["machine", optionalText],
      ["virttype", optionalText],
      ["xmlCPUs", array(text, 256)],
      ["flags", u32],
    ]),
    ret: struct([
      ["cpu", text], // remote_connect_baseline_hypervisor_cpu_ret
    ]),
  }),
  connectGetCPUModelNames: procedure({
    number: 312,
    since: "1.1.3",
    changes: false,
    args: struct([
      ["arch", text], // remote_connect_get_cpu_model_names_args
      ["needResults", bool],
      ["flags", u32],
    ]),
    ret: struct([
      ["models", array(text, 8192)], // remote_connect_get_cpu_model_names_ret
      ["ret", i32],
    ]),
  }),
} as const;
