import { array, none, struct } from "../xdr/composites.ts";
import { bool, charArray, i32, u8, u16, u32, u64, uuid } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { domain, domainMemoryStat, domainStatsRecord, optionalText, securityLabel, text } from "./shared-structures.ts";

export const domainProcedures = {
  connectListAllDomains: procedure({
    number: 273,
    since: "0.9.13",
    changes: false,
    args: struct([
      ["needResults", bool], // remote_connect_list_all_domains_args
      ["flags", u32],
    ]),
    ret: struct([
      ["domains", array(domain, 16384)], // remote_connect_list_all_domains_ret
      ["ret", u32],
    ]),
  }),
  domainLookupByUUID: procedure({
    number: 24,
    since: "0.0.5",
    changes: false,
    args: struct([
      ["uuid", uuid], // remote_domain_lookup_by_uuid_args
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_lookup_by_uuid_ret
    ]),
  }),
  domainLookupByName: procedure({
    number: 23,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["name", text], // remote_domain_lookup_by_name_args
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_lookup_by_name_ret
    ]),
  }),
  domainLookupByID: procedure({
    number: 22,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["id", i32], // remote_domain_lookup_by_id_args
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_lookup_by_id_ret
    ]),
  }),
  domainGetXMLDesc: procedure({
    number: 14,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_xml_desc_args
      ["flags", u32],
    ]),
    ret: struct([
      ["xml", text], // remote_domain_get_xml_desc_ret
    ]),
  }),
  domainGetState: procedure({
    number: 212,
    since: "0.9.2",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_state_args
      ["flags", u32],
    ]),
    ret: struct([
      ["state", i32], // remote_domain_get_state_ret
      ["reason", i32],
    ]),
  }),
  domainGetInfo: procedure({
    number: 16,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_info_args
    ]),
    ret: struct([
      ["state", u8], // remote_domain_get_info_ret
      ["maxMem", u64],
      ["memory", u64],
      ["nrVirtCpu", u16],
      ["cpuTime", u64],
    ]),
  }),
  domainIsActive: procedure({
    number: 150,
    since: "0.7.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_is_active_args
    ]),
    ret: struct([
      ["active", bool], // remote_domain_is_active_ret
    ]),
  }),
  domainIsPersistent: procedure({
    number: 151,
    since: "0.7.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_is_persistent_args
    ]),
    ret: struct([
      ["persistent", bool], // remote_domain_is_persistent_ret
    ]),
  }),
  domainIsUpdated: procedure({
    number: 202,
    since: "0.8.6",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_is_updated_args
    ]),
    ret: struct([
      ["updated", bool], // remote_domain_is_updated_ret
    ]),
  }),
  domainHasManagedSaveImage: procedure({
    number: 183,
    since: "0.8.0",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_has_managed_save_image_args
      ["flags", u32],
    ]),
    ret: struct([
      ["result", i32], // remote_domain_has_managed_save_image_ret
    ]),
  }),
  domainGetAutostart: procedure({
    number: 15,
    since: "0.2.1",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_autostart_args
    ]),
    ret: struct([
      ["autostart", bool], // remote_domain_get_autostart_ret
    ]),
  }),
  domainGetMaxMemory: procedure({
    number: 17,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_max_memory_args
    ]),
    ret: struct([
      ["memory", u64], // remote_domain_get_max_memory_ret
    ]),
  }),
  domainGetMaxVcpus: procedure({
    number: 18,
    since: "0.2.1",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_max_vcpus_args
    ]),
    ret: struct([
      ["num", i32], // remote_domain_get_max_vcpus_ret
    ]),
  }),
  domainGetVcpusFlags: procedure({
    number: 200,
    since: "0.8.5",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_vcpus_flags_args
      ["flags", u32],
    ]),
    ret: struct([
      ["num", i32], // remote_domain_get_vcpus_flags_ret
    ]),
  }),
  domainGetOsType: procedure({
    number: 19,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_os_type_args
    ]),
    ret: struct([
      ["type", text], // remote_domain_get_os_type_ret
    ]),
  }),
  domainGetSecurityLabel: procedure({
    number: 121,
    since: "0.6.1",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_security_label_args
    ]),
    ret: struct([
      ["label", charArray(4097)], // remote_domain_get_security_label_ret
      ["enforcing", bool],
    ]),
  }),
  domainGetSecurityLabelList: procedure({
    number: 278,
    since: "0.10.0",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_security_label_list_args
    ]),
    ret: struct([
      ["labels", array(securityLabel, 64)], // remote_domain_get_security_label_list_ret
      ["ret", i32],
    ]),
  }),
  domainGetControlInfo: procedure({
    number: 229,
    since: "0.9.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_control_info_args
      ["flags", u32],
    ]),
    ret: struct([
      ["state", u32], // remote_domain_get_control_info_ret
      ["details", u32],
      ["stateTime", u64],
    ]),
  }),
  domainGetMessages: procedure({
    number: 426,
    since: "7.1.0",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_messages_args
      ["flags", u32],
    ]),
    ret: struct([
      ["msgs", array(text, 2048)], // remote_domain_get_messages_ret
    ]),
  }),
  domainSnapshotNum: procedure({
    number: 187,
    since: "0.8.0",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_snapshot_num_args
      ["flags", u32],
    ]),
    ret: struct([
      ["num", i32], // remote_domain_snapshot_num_ret
    ]),
  }),
  domainGetBlockInfo: procedure({
    number: 194,
    since: "0.8.1",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_block_info_args
      ["path", text],
      ["flags", u32],
    ]),
    ret: struct([
      ["allocation", u64], // remote_domain_get_block_info_ret
      ["capacity", u64],
      ["physical", u64],
    ]),
  }),
  domainMemoryStats: procedure({
    number: 159,
    since: "0.7.5",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_memory_stats_args
      ["maxStats", u32],
      ["flags", u32],
    ]),
    ret: struct([
      ["stats", array(domainMemoryStat, 1024)], // remote_domain_memory_stats_ret
    ]),
  }),
  connectNumOfDomains: procedure({
    number: 51,
    since: "0.0.3",
    changes: false,
    args: none,
    ret: struct([
      ["num", i32], // remote_connect_num_of_domains_ret
    ]),
  }),
  connectListDomains: procedure({
    number: 37,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["maxids", i32], // remote_connect_list_domains_args
    ]),
    ret: struct([
      ["ids", array(i32, 16384)], // remote_connect_list_domains_ret
    ]),
  }),
  connectNumOfDefinedDomains: procedure({
    number: 25,
    since: "0.1.5",
    changes: false,
    args: none,
    ret: struct([
      ["num", i32], // remote_connect_num_of_defined_domains_ret
    ]),
  }),
  connectListDefinedDomains: procedure({
    number: 21,
    since: "0.1.1",
    changes: false,
    args: struct([
      ["maxnames", i32], // remote_connect_list_defined_domains_args
    ]),
    ret: struct([
      ["names", array(text, 16384)], // remote_connect_list_defined_domains_ret
    ]),
  }),
  connectGetAllDomainStats: procedure({
    number: 344,
    since: "1.2.8",
    changes: false,
    args: struct([
      ["doms", array(domain, 16384)], // remote_connect_get_all_domain_stats_args
      ["stats", u32],
      ["flags", u32],
    ]),
    ret: struct([
      ["retStats", array(domainStatsRecord, 16384)], // remote_connect_get_all_domain_stats_ret
    ]),
  }),
  domainGetMetadata: procedure({
    number: 265,
    since: "0.9.10",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_metadata_args
      ["type", i32],
      ["uri", optionalText],
      ["flags", u32],
    ]),
    ret: struct([
      ["metadata", text], // remote_domain_get_metadata_ret
    ]),
  }),
} as const;
