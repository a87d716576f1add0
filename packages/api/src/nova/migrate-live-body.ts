import { z } from "zod";
import { SINCE } from "./microversion.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseBody } from "./nova-validation.ts";

/** Nova's booleans, in all their spellings (nova/api/validation/parameter_types.py). */
const yes = ["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"] as const;
const no = ["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"] as const;
const bool = z.union([z.boolean(), z.enum(yes).transform(() => true), z.enum(no).transform(() => false)]);

const host = z
  .string()
  .regex(/^[A-Za-z0-9-._]{1,255}$/, "a host name of letters, digits, dots, dashes, underscores")
  .nullable();
const boolOrAuto = z.union([z.literal("auto").transform(() => null), bool]);

const body = <Action extends z.ZodType>(action: Action) => z.strictObject({ "os-migrateLive": action });

/** From 2.1. */
const first = body(z.strictObject({ host, block_migration: bool, disk_over_commit: bool }));
/** From 2.25, and again from 2.68. */
const withAuto = body(z.strictObject({ host, block_migration: boolOrAuto }));
/** From 2.30 to 2.67. */
const withForce = body(z.strictObject({ host, block_migration: boolOrAuto, force: bool.optional() }));

export interface MigrateLiveRequest {
  readonly host: string | null;
  /** Null is `auto`. */
  readonly blockMigration: boolean | null;
}

/**
 * The body of `os-migrateLive` as its version has it. `force` and `disk_over_commit` are checked and then have no
 * effect: every destination is checked, asked for by name or not.
 *
 * @throws {NovaFault} 400
 */
export function parseMigrateLive(input: unknown, minor: number): MigrateLiveRequest {
  if (minor < SINCE.blockMigrationAuto) return request(parseBody(first, input)["os-migrateLive"]);
  if (minor < SINCE.migrateForce || minor >= SINCE.migrateForceRemoved) {
    return request(parseBody(withAuto, input)["os-migrateLive"]);
  }
  const parsed = parseBody(withForce, input)["os-migrateLive"];
  if (parsed.force === true && parsed.host === null)
    throw new NovaFault(400, "Can't force to a non-provided destination");
  return request(parsed);
}

function request(parsed: {
  readonly host: string | null;
  readonly block_migration: boolean | null;
}): MigrateLiveRequest {
  return { host: parsed.host, blockMigration: parsed.block_migration };
}
