import { z } from "zod";
import { SINCE } from "./microversion.ts";
import { novaBoolean } from "./nova-boolean.ts";
import { NovaFault } from "./nova-fault.ts";
import { parseBody } from "./nova-validation.ts";

const host = z
  .string()
  .regex(/^[A-Za-z0-9-._]{1,255}$/, "a host name of letters, digits, dots, dashes, underscores")
  .nullable();
const boolOrAuto = z.union([z.literal("auto").transform(() => null), novaBoolean]);

const body = <Action extends z.ZodType>(action: Action) => z.strictObject({ "os-migrateLive": action });

/** From 2.1. */
const first = body(z.strictObject({ host, block_migration: novaBoolean, disk_over_commit: novaBoolean }));
/** From 2.25, and again from 2.68. */
const withAuto = body(z.strictObject({ host, block_migration: boolOrAuto }));
/** From 2.30 to 2.67. */
const withForce = body(z.strictObject({ host, block_migration: boolOrAuto, force: novaBoolean.optional() }));

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
