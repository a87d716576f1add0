import { none, struct } from "../xdr/composites.ts";
import { i32, u32 } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { domain, optionalText, text } from "./shared-structures.ts";

export const domainLifecycleProcedures = {
  domainDefineXML: procedure({
    number: 11,
    since: "0.1.1",
    changes: true,
    args: struct([
      ["xml", text], // remote_domain_define_xml_args
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_define_xml_ret
    ]),
  }),
  domainDefineXMLFlags: procedure({
    number: 350,
    since: "1.2.12",
    changes: true,
    args: struct([
      ["xml", text], // remote_domain_define_xml_flags_args
      ["flags", u32],
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_define_xml_flags_ret
    ]),
  }),
  domainUndefine: procedure({
    number: 35,
    since: "0.1.1",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_undefine_args
    ]),
    ret: none,
  }),
  domainUndefineFlags: procedure({
    number: 231,
    since: "0.9.4",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_undefine_flags_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainCreate: procedure({
    number: 9,
    since: "0.1.1",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_create_args
    ]),
    ret: none,
  }),
  domainCreateWithFlags: procedure({
    number: 196,
    since: "0.8.2",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_create_with_flags_args
      ["flags", u32],
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_create_with_flags_ret
    ]),
  }),
  domainCreateXML: procedure({
    number: 10,
    since: "0.5.0",
    changes: true,
    args: struct([
      ["xmlDesc", text], // remote_domain_create_xml_args
      ["flags", u32],
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_create_xml_ret
    ]),
  }),
  domainSuspend: procedure({
    number: 34,
    since: "0.0.3",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_suspend_args
    ]),
    ret: none,
  }),
  domainResume: procedure({
    number: 28,
    since: "0.0.3",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_resume_args
    ]),
    ret: none,
  }),
  domainShutdown: procedure({
    number: 33,
    since: "0.0.3",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_shutdown_args
    ]),
    ret: none,
  }),
  domainShutdownFlags: procedure({
    number: 258,
    since: "0.9.10",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_shutdown_flags_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainReboot: procedure({
    number: 27,
    since: "0.1.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_reboot_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainDestroy: procedure({
    number: 12,
    since: "0.0.3",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_destroy_args
    ]),
    ret: none,
  }),
  domainDestroyFlags: procedure({
    number: 234,
    since: "0.9.4",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_destroy_flags_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainSetMetadata: procedure({
    number: 264,
    since: "0.9.10",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_set_metadata_args
      ["type", i32],
      ["metadata", optionalText],
      ["key", optionalText],
      ["uri", optionalText],
      ["flags", u32],
    ]),
    ret: none,
  }),
} as const;
