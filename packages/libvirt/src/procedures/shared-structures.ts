import type { Infer } from "../xdr/codec.ts";
import { array, optional, struct, union } from "../xdr/composites.ts";
import { bool, charArray, f64, i32, i64, string, u32, u64, uuid } from "../xdr/primitives.ts";

/** REMOTE_STRING_MAX, bytes (libvirt 1.2.0; 65536 before). */
const STRING_LIMIT_BYTES = 4_194_304;

/** remote_nonnull_string */
export const text = string(STRING_LIMIT_BYTES);

/** remote_string */
export const optionalText = optional(text);

/** A guest as libvirt's protocol names it. Only the UUID identifies it; `id` is -1 while it is not running. */
export const domain = struct([
  ["name", text], // remote_nonnull_domain
  ["uuid", uuid],
  ["id", i32],
]);
export type Domain = Infer<typeof domain>;

/** remote_domain */
export const optionalDomain = optional(domain);

const network = struct([
  ["name", text], // remote_nonnull_network
  ["uuid", uuid],
]);

export const storagePool = struct([
  ["name", text], // remote_nonnull_storage_pool
  ["uuid", uuid],
]);
export type StoragePool = Infer<typeof storagePool>;

export const storageVol = struct([
  ["pool", text], // remote_nonnull_storage_vol
  ["name", text],
  ["key", text],
]);
export type StorageVol = Infer<typeof storageVol>;

/** A named value that says its own type: virTypedParameter (0.9.2; strings since 0.9.8). */
export const typedParam = struct([
  ["field", text], // remote_typed_param
  [
    "value",
    union({
      int: [1, i32], // remote_typed_param_value, VIR_TYPED_PARAM_INT
      uint: [2, u32],
      llong: [3, i64],
      ullong: [4, u64],
      double: [5, f64],
      boolean: [6, bool],
      string: [7, text],
    }),
  ],
]);
export type TypedParam = Infer<typeof typedParam>;

export const domainStatsRecord = struct([
  ["dom", domain], // remote_domain_stats_record, 1.2.8
  ["params", array(typedParam, 262_144)],
]);

/** virNetMessageError; the same bytes as remote_error. `dom` and `net` are unused since 0.9.2. */
export const remoteError = struct([
  ["code", i32], // virNetMessageError
  ["domain", i32],
  ["message", optionalText],
  ["level", i32],
  ["dom", optionalDomain],
  ["str1", optionalText],
  ["str2", optionalText],
  ["str3", optionalText],
  ["int1", i32],
  ["int2", i32],
  ["net", optional(network)],
]);
export type RemoteErrorBody = Infer<typeof remoteError>;

export const domainMemoryStat = struct([
  ["tag", i32], // remote_domain_memory_stat, 0.7.5
  ["val", u64],
]);

export const securityLabel = struct([
  ["label", charArray(4097)], // remote_domain_get_security_label_ret, 0.6.1
  ["enforcing", bool],
]);

/** remote_node_get_cpu_stats and remote_node_get_memory_stats: a name and a number. */
export const namedStat = struct([
  ["field", text], // 0.9.3
  ["value", u64],
]);
