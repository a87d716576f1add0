import { array, none, struct } from "../xdr/composites.ts";
import { bool, i32, u32, u64 } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { optionalText, text, typedParam } from "./shared-structures.ts";

export const connectProcedures = {
  authList: procedure({
    number: 66,
    since: "0.3.3",
    changes: false,
    args: none,
    ret: struct([
      ["types", array(i32, 20)], // remote_auth_list_ret
    ]),
  }),
  authPolkit: procedure({
    number: 70,
    since: "0.4.6",
    changes: false,
    args: none,
    ret: struct([
      ["complete", bool], // remote_auth_polkit_ret
    ]),
  }),
  connectOpen: procedure({
    number: 1,
    since: "0.0.3",
    changes: false,
    args: struct([
      ["name", optionalText], // remote_connect_open_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  connectClose: procedure({
    number: 2,
    since: "0.0.3",
    changes: false,
    args: none,
    ret: none,
  }),
  connectSupportsFeature: procedure({
    number: 60,
    since: "0.3.2",
    changes: false,
    args: struct([
      ["feature", i32], // remote_connect_supports_feature_args
    ]),
    ret: struct([
      ["supported", bool], // remote_connect_supports_feature_ret
    ]),
  }),
  connectGetType: procedure({
    number: 3,
    since: "0.0.3",
    changes: false,
    args: none,
    ret: struct([
      ["type", text], // remote_connect_get_type_ret
    ]),
  }),
  connectGetVersion: procedure({
    number: 4,
    since: "0.0.3",
    changes: false,
    args: none,
    ret: struct([
      ["hvVer", u64], // remote_connect_get_version_ret
    ]),
  }),
  connectGetLibVersion: procedure({
    number: 157,
    since: "0.7.3",
    changes: false,
    args: none,
    ret: struct([
      ["libVer", u64], // remote_connect_get_lib_version_ret
    ]),
  }),
  connectGetHostname: procedure({
    number: 59,
    since: "0.3.0",
    changes: false,
    args: none,
    ret: struct([
      ["hostname", text], // remote_connect_get_hostname_ret
    ]),
  }),
  connectGetUri: procedure({
    number: 110,
    since: "0.3.0",
    changes: false,
    args: none,
    ret: struct([
      ["uri", text], // remote_connect_get_uri_ret
    ]),
  }),
  connectGetCapabilities: procedure({
    number: 7,
    since: "0.2.1",
    changes: false,
    args: none,
    ret: struct([
      ["capabilities", text], // remote_connect_get_capabilities_ret
    ]),
  }),
  connectGetDomainCapabilities: procedure({
    number: 342,
    since: "1.2.7",
    changes: false,
    args: struct([
      ["emulatorbin", optionalText], // remote_connect_get_domain_capabilities_args
      ["arch", optionalText],
      ["machine", optionalText],
      ["virttype", optionalText],
      ["flags", u32],
    ]),
    ret: struct([
      ["capabilities", text], // remote_connect_get_domain_capabilities_ret
    ]),
  }),
  connectIsSecure: procedure({
    number: 149,
    since: "0.7.3",
    changes: false,
    args: none,
    ret: struct([
      ["secure", bool], // remote_connect_is_secure_ret
    ]),
  }),
  connectRegisterCloseCallback: procedure({
    number: 360,
    since: "0.10.0",
    changes: false,
    args: none,
    ret: none,
  }),
  connectUnregisterCloseCallback: procedure({
    number: 361,
    since: "0.10.0",
    changes: false,
    args: none,
    ret: none,
  }),
  connectSetIdentity: procedure({
    number: 419,
    since: "5.8.0",
    changes: true,
    args: struct([
      ["params", array(typedParam, 20)], // remote_connect_set_identity_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  connectGetMaxVcpus: procedure({
    number: 5,
    since: "0.2.1",
    changes: false,
    args: struct([
      ["type", optionalText], // remote_connect_get_max_vcpus_args
    ]),
    ret: struct([
      ["maxVcpus", i32], // remote_connect_get_max_vcpus_ret
    ]),
  }),
  connectGetSysinfo: procedure({
    number: 203,
    since: "0.8.8",
    changes: false,
    args: struct([
      ["flags", u32], // remote_connect_get_sysinfo_args
    ]),
    ret: struct([
      ["sysinfo", text], // remote_connect_get_sysinfo_ret
    ]),
  }),
} as const;
