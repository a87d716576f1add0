import { array, none, struct } from "../xdr/composites.ts";
import { bool, opaque, u32, u64 } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { domain, optionalText, text, typedParam } from "./shared-structures.ts";

export const migrationProcedures = {
  domainMigratePerform3Params: procedure({
    number: 305,
    since: "1.1.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_migrate_perform3_params_args
      ["dconnuri", optionalText],
      ["params", array(typedParam, 64)],
      ["cookieIn", opaque(4194304)],
      ["flags", u32],
    ]),
    ret: struct([
      ["cookieOut", opaque(4194304)], // remote_domain_migrate_perform3_params_ret
    ]),
  }),
  domainMigrateBegin3Params: procedure({
    number: 302,
    since: "1.1.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_migrate_begin3_params_args
      ["params", array(typedParam, 64)],
      ["flags", u32],
    ]),
    ret: struct([
      ["cookieOut", opaque(4194304)], // remote_domain_migrate_begin3_params_ret
      ["xml", text],
    ]),
  }),
  domainMigratePrepare3Params: procedure({
    number: 303,
    since: "1.1.0",
    changes: true,
    args: struct([
      ["params", array(typedParam, 64)], // remote_domain_migrate_prepare3_params_args
      ["cookieIn", opaque(4194304)],
      ["flags", u32],
    ]),
    ret: struct([
      ["cookieOut", opaque(4194304)], // remote_domain_migrate_prepare3_params_ret
      ["uriOut", optionalText],
    ]),
  }),
  domainMigrateFinish3Params: procedure({
    number: 306,
    since: "1.1.0",
    changes: true,
    args: struct([
      ["params", array(typedParam, 64)], // remote_domain_migrate_finish3_params_args
      ["cookieIn", opaque(4194304)],
      ["flags", u32],
      ["cancelled", bool],
    ]),
    ret: struct([
      ["dom", domain], // remote_domain_migrate_finish3_params_ret
      ["cookieOut", opaque(4194304)],
    ]),
  }),
  domainMigrateConfirm3Params: procedure({
    number: 307,
    since: "1.1.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_migrate_confirm3_params_args
      ["params", array(typedParam, 64)],
      ["cookieIn", opaque(4194304)],
      ["flags", u32],
      ["cancelled", bool],
    ]),
    ret: none,
  }),
  domainMigrateSetMaxDowntime: procedure({
    number: 166,
    since: "0.8.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_migrate_set_max_downtime_args
      ["downtime", u64],
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainMigrateGetMaxDowntime: procedure({
    number: 387,
    since: "3.7.0",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_migrate_get_max_downtime_args
      ["flags", u32],
    ]),
    ret: struct([
      ["downtime", u64], // remote_domain_migrate_get_max_downtime_ret
    ]),
  }),
  domainMigrateSetMaxSpeed: procedure({
    number: 207,
    since: "0.9.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_migrate_set_max_speed_args
      ["bandwidth", u64],
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainMigrateGetMaxSpeed: procedure({
    number: 242,
    since: "0.9.5",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_migrate_get_max_speed_args
      ["flags", u32],
    ]),
    ret: struct([
      ["bandwidth", u64], // remote_domain_migrate_get_max_speed_ret
    ]),
  }),
  domainMigrateStartPostCopy: procedure({
    number: 364,
    since: "1.3.3",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_migrate_start_post_copy_args
      ["flags", u32],
    ]),
    ret: none,
  }),
} as const;
