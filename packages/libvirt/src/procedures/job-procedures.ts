import { array, none, struct } from "../xdr/composites.ts";
import { bool, i32, u32, u64 } from "../xdr/primitives.ts";
import { procedure } from "./procedure.ts";
import { domain, text, typedParam } from "./shared-structures.ts";

export const jobProcedures = {
  domainGetJobInfo: procedure({
    number: 163,
    since: "0.7.7",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_job_info_args
    ]),
    ret: struct([
      ["type", i32], // remote_domain_get_job_info_ret
      ["timeElapsed", u64],
      ["timeRemaining", u64],
      ["dataTotal", u64],
      ["dataProcessed", u64],
      ["dataRemaining", u64],
      ["memTotal", u64],
      ["memProcessed", u64],
      ["memRemaining", u64],
      ["fileTotal", u64],
      ["fileProcessed", u64],
      ["fileRemaining", u64],
    ]),
  }),
  domainGetJobStats: procedure({
    number: 298,
    since: "1.0.3",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_job_stats_args
      ["flags", u32],
    ]),
    ret: struct([
      ["type", i32], // remote_domain_get_job_stats_ret
      ["params", array(typedParam, 64)],
    ]),
  }),
  domainAbortJob: procedure({
    number: 164,
    since: "0.7.7",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_abort_job_args
    ]),
    ret: none,
  }),
  domainAbortJobFlags: procedure({
    number: 442,
    since: "8.5.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_abort_job_flags_args
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainGetBlockJobInfo: procedure({
    number: 238,
    since: "0.9.4",
    changes: false,
    args: struct([
      ["dom", domain], // remote_domain_get_block_job_info_args
      ["path", text],
      ["flags", u32],
    ]),
    ret: struct([
      ["found", bool], // remote_domain_get_block_job_info_ret
      ["type", i32],
      ["bandwidth", u64],
      ["cur", u64],
      ["end", u64],
    ]),
  }),
  domainBlockJobAbort: procedure({
    number: 237,
    since: "0.9.4",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_block_job_abort_args
      ["path", text],
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainBlockJobSetSpeed: procedure({
    number: 239,
    since: "0.9.4",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_block_job_set_speed_args
      ["path", text],
      ["bandwidth", u64],
      ["flags", u32],
    ]),
    ret: none,
  }),
  domainStartDirtyRateCalc: procedure({
    number: 427,
    since: "7.2.0",
    changes: true,
    args: struct([
      ["dom", domain], // remote_domain_start_dirty_rate_calc_args
      ["seconds", i32],
      ["flags", u32],
    ]),
    ret: none,
  }),
} as const;
