import { array, none, struct } from "../xdr/composites.ts";
import { bool, i32, u8, u32, u64, uuid } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { storagePool, storageVol, text } from "./shared-structures.ts";

export const storagePoolProcedures = {
  connectListAllStoragePools: procedure({
    number: 281,
    since: "0.10.2",
    changes: false,
    args: struct([
      ["needResults", bool], // remote_connect_list_all_storage_pools_args
      ["flags", u32],
    ]),
    ret: struct([
      ["pools", array(storagePool, 16384)], // remote_connect_list_all_storage_pools_ret
      ["ret", u32],
    ]),
  }),
  storagePoolLookupByName: procedure({
    number: 84,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["name", text], // remote_storage_pool_lookup_by_name_args
    ]),
    ret: struct([
      ["pool", storagePool], // remote_storage_pool_lookup_by_name_ret
    ]),
  }),
  storagePoolLookupByUUID: procedure({
    number: 85,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["uuid", uuid], // remote_storage_pool_lookup_by_uuid_args
    ]),
    ret: struct([
      ["pool", storagePool], // remote_storage_pool_lookup_by_uuid_ret
    ]),
  }),
  storagePoolLookupByVolume: procedure({
    number: 86,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["vol", storageVol], // remote_storage_pool_lookup_by_volume_args
    ]),
    ret: struct([
      ["pool", storagePool], // remote_storage_pool_lookup_by_volume_ret
    ]),
  }),
  storagePoolLookupByTargetPath: procedure({
    number: 391,
    since: "4.1.0",
    changes: false,
    args: struct([
      ["path", text], // remote_storage_pool_lookup_by_target_path_args
    ]),
    ret: struct([
      ["pool", storagePool], // remote_storage_pool_lookup_by_target_path_ret
    ]),
  }),
  storagePoolGetXMLDesc: procedure({
    number: 88,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_get_xml_desc_args
      ["flags", u32],
    ]),
    ret: struct([
      ["xml", text], // remote_storage_pool_get_xml_desc_ret
    ]),
  }),
  storagePoolGetInfo: procedure({
    number: 87,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_get_info_args
    ]),
    ret: struct([
      ["state", u8], // remote_storage_pool_get_info_ret
      ["capacity", u64],
      ["allocation", u64],
      ["available", u64],
    ]),
  }),
  storagePoolIsActive: procedure({
    number: 154,
    since: "0.7.3",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_is_active_args
    ]),
    ret: struct([
      ["active", bool], // remote_storage_pool_is_active_ret
    ]),
  }),
  storagePoolIsPersistent: procedure({
    number: 155,
    since: "0.7.3",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_is_persistent_args
    ]),
    ret: struct([
      ["persistent", bool], // remote_storage_pool_is_persistent_ret
    ]),
  }),
  storagePoolGetAutostart: procedure({
    number: 89,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_get_autostart_args
    ]),
    ret: struct([
      ["autostart", bool], // remote_storage_pool_get_autostart_ret
    ]),
  }),
  storagePoolSetAutostart: procedure({
    number: 90,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_set_autostart_args
      ["autostart", bool],
    ]),
    ret: none,
  }),
  storagePoolCreateXML: procedure({
    number: 76,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["xml", text], // remote_storage_pool_create_xml_args
      ["flags", u32],
    ]),
    ret: struct([
      ["pool", storagePool], // remote_storage_pool_create_xml_ret
    ]),
  }),
  storagePoolDefineXML: procedure({
    number: 77,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["xml", text], // remote_storage_pool_define_xml_args
      ["flags", u32],
    ]),
    ret: struct([
      ["pool", storagePool], // remote_storage_pool_define_xml_ret
    ]),
  }),
  storagePoolBuild: procedure({
    number: 79,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_build_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  storagePoolCreate: procedure({
    number: 78,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_create_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  storagePoolRefresh: procedure({
    number: 83,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_refresh_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  storagePoolDestroy: procedure({
    number: 80,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_destroy_args
    ]),
    ret: none,
  }),
  storagePoolDelete: procedure({
    number: 81,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_delete_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  storagePoolUndefine: procedure({
    number: 82,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_undefine_args
    ]),
    ret: none,
  }),
  storagePoolListAllVolumes: procedure({
    number: 282,
    since: "0.10.2",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_list_all_volumes_args
      ["needResults", bool],
      ["flags", u32],
    ]),
    ret: struct([
      ["vols", array(storageVol, 16384)], // remote_storage_pool_list_all_volumes_ret
      ["ret", u32],
    ]),
  }),
  storagePoolNumOfVolumes: procedure({
    number: 91,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_pool_num_of_volumes_args
    ]),
    ret: struct([
      ["num", i32], // remote_storage_pool_num_of_volumes_ret
    ]),
  }),
} as const;
