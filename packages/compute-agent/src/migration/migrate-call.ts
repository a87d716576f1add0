import { type MigrationParams, VIR_MIGRATE } from "@drover/libvirt";
import { type ChosenFlag, DroverError, isChosen } from "@drover/model";
import { targetsOf } from "../storage/disk-flags.ts";

const FLAG_BITS: Readonly<Record<string, number>> = VIR_MIGRATE;

/**
 * The chosen flags as libvirt's call takes them.
 *
 * @param definition The guest's definition on the destination, running and stored. @default the one it has
 */
export function migrateArguments(
  chosen: readonly ChosenFlag[],
  definition?: string,
): {
  readonly flags: number;
  readonly params: MigrationParams;
} {
  let flags = 0;
  const values = new Map<string, string | number | boolean>();
  for (const { name, value } of chosen) {
    if (value === undefined) flags |= bitOf(name);
    else values.set(name, value);
  }
  const text = (name: string): string | undefined => {
    const value = values.get(name);
    return value === undefined ? undefined : String(value);
  };
  const migrateUri = text("migrate_uri");
  const listenAddress = text("listen_address");
  const tlsDestination = text("tls.destination");
  const bandwidth = values.get("bandwidth");
  const migrateDisks = text("migrate_disks");
  const params: MigrationParams = {
    ...(migrateUri === undefined ? {} : { migrateUri }),
    ...(listenAddress === undefined ? {} : { listenAddress }),
    ...(definition === undefined ? {} : { destinationXml: definition, persistentXml: definition }),
    ...(migrateDisks === undefined ? {} : { migrateDisks: targetsOf(migrateDisks) }),
    ...(tlsDestination === undefined ? {} : { tlsDestination }),
    ...(bandwidth === undefined ? {} : { bandwidthMiBps: Number(bandwidth) }),
    ...convergenceParams(values),
  };
  return { flags, params };
}

function convergenceParams(values: ReadonlyMap<string, string | number | boolean>): MigrationParams {
  const initial = values.get("auto_converge.initial");
  const increment = values.get("auto_converge.increment");
  const connections = values.get("parallel.connections");
  const compression = values.get("compression");
  return {
    ...(initial === undefined ? {} : { autoConvergeInitialPercent: Number(initial) }),
    ...(increment === undefined ? {} : { autoConvergeIncrementPercent: Number(increment) }),
    ...(connections === undefined ? {} : { parallelConnections: Number(connections) }),
    ...(compression === undefined ? {} : { compression: [String(compression)] }),
  };
}

function bitOf(name: string): number {
  const bit = FLAG_BITS[name];
  if (bit === undefined)
    throw new DroverError("internal", `starting a migration with ${name}, which is no flag of libvirt's`);
  return bit;
}

/** True when the copy was started so that it can be switched to post-copy. */
export function permitsPostCopy(chosen: readonly ChosenFlag[]): boolean {
  return isChosen(chosen, "VIR_MIGRATE_POSTCOPY");
}
