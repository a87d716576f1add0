import { uuidFromName } from "./host-spec.ts";
import { noStoragePool } from "./refusals.ts";

/** A storage pool as libvirt's protocol names it, with what its info says. */
export interface SimulatedPool {
  readonly name: string;
  readonly uuid: string;
  readonly path: string;
  readonly capacityBytes: bigint;
}

/** A host's storage: one directory pool that is always active, as a fresh libvirtd of a distribution has it. */
export class StoragePools {
  readonly all: readonly SimulatedPool[];

  constructor() {
    const path = "/var/lib/libvirt/images";
    this.all = [{ name: "default", uuid: uuidFromName("pool default"), path, capacityBytes: 1n << 40n }];
  }

  byName(name: string): SimulatedPool {
    const pool = this.all.find((candidate) => candidate.name === name);
    if (pool === undefined) throw noStoragePool(name);
    return pool;
  }

  xml(pool: SimulatedPool): string {
    return [
      "<pool type='dir'>",
      `  <name>${pool.name}</name>`,
      `  <uuid>${pool.uuid}</uuid>`,
      `  <capacity unit='bytes'>${pool.capacityBytes}</capacity>`,
      "  <allocation unit='bytes'>0</allocation>",
      `  <available unit='bytes'>${pool.capacityBytes}</available>`,
      "  <source>",
      "  </source>",
      "  <target>",
      `    <path>${pool.path}</path>`,
      "  </target>",
      "</pool>",
      "",
    ].join("\n");
  }
}
