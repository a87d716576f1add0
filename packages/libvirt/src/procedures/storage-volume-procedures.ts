import { none, struct } from "../xdr/composites.ts";
import { i8, u32, u64 } from "../xdr/primitives.ts";
import { procedure, streamProcedure } from "./procedure.ts";
import { storagePool, storageVol, text } from "./shared-structures.ts";

export const storageVolumeProcedures = {
  storageVolLookupByName: procedure({
    number: 95,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["pool", storagePool], // remote_storage_vol_lookup_by_name_args
      ["name", text],
    ]),
    ret: struct([
      ["vol", storageVol], // remote_storage_vol_lookup_by_name_ret
    ]),
  }),
  storageVolLookupByKey: procedure({
    number: 96,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["key", text], // remote_storage_vol_lookup_by_key_args
    ]),
    ret: struct([
      ["vol", storageVol], // remote_storage_vol_lookup_by_key_ret
    ]),
  }),
  storageVolLookupByPath: procedure({
    number: 97,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["path", text], // remote_storage_vol_lookup_by_path_args
    ]),
    ret: struct([
      ["vol", storageVol], // remote_storage_vol_lookup_by_path_ret
    ]),
  }),
  storageVolGetXMLDesc: procedure({
    number: 99,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["vol", storageVol], // remote_storage_vol_get_xml_desc_args
      ["flags", u32],
    ]),
    ret: struct([
      ["xml", text], // remote_storage_vol_get_xml_desc_ret
    ]),
  }),
  storageVolGetInfo: procedure({
    number: 98,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["vol", storageVol], // remote_storage_vol_get_info_args
    ]),
    ret: struct([
      ["type", i8], // remote_storage_vol_get_info_ret
      ["capacity", u64],
      ["allocation", u64],
    ]),
  }),
  storageVolGetInfoFlags: procedure({
    number: 378,
    since: "3.0.0",
    changes: false,
    args: struct([
      ["vol", storageVol], // remote_storage_vol_get_info_flags_args
      ["flags", u32],
    ]),
    ret: struct([
      ["type", i8], // remote_storage_vol_get_info_flags_ret
      ["capacity", u64],
      ["allocation", u64],
    ]),
  }),
  storageVolGetPath: procedure({
    number: 100,
    since: "0.4.1",
    changes: false,
    args: struct([
      ["vol", storageVol], // remote_storage_vol_get_path_args
    ]),
    ret: struct([
      ["name", text], // remote_storage_vol_get_path_ret
    ]),
  }),
  storageVolCreateXML: procedure({
    number: 93,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["pool", storagePool], // remote_storage_vol_create_xml_args
      ["xml", text],
      ["flags", u32],
    ]),
    ret: struct([
      ["vol", storageVol], // remote_storage_vol_create_xml_ret
    ]),
  }),
  storageVolDelete: procedure({
    number: 94,
    since: "0.4.1",
    changes: true,
    args: struct([
      ["vol", storageVol], // remote_storage_vol_delete_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  storageVolResize: procedure({
    number: 260,
    since: "0.9.10",
    changes: true,
    args: struct([
      ["vol", storageVol], // remote_storage_vol_resize_args
      ["capacity", u64],
      ["flags", u32],
    ]),
    ret: none,
  }),
  storageVolUpload: streamProcedure({
    number: 208,
    since: "0.9.0",
    changes: true,
    stream: "to-server",
    args: struct([
      ["vol", storageVol], // remote_storage_vol_upload_args
      ["offset", u64],
      ["length", u64],
      ["flags", u32],
    ]),
    ret: none,
  }),
  storageVolDownload: streamProcedure({
    number: 209,
    since: "0.9.0",
    changes: false,
    stream: "from-server",
    args: struct([
      ["vol", storageVol], // remote_storage_vol_download_args
      ["offset", u64],
      ["length", u64],
      ["flags", u32],
    ]),
    ret: none,
  }),
} as const;
