import type { HostFacts } from "@drover/model";
import { type HostFiles, readIfThere } from "../tls/host-files.ts";
import { QEMU_CONF, qemuSettings } from "../tls/qemu-conf.ts";

/** libvirt's own (`migration_port_min` and `migration_port_max` of `qemu.conf`). */
const DEFAULT_PORTS = { min: 49_152, max: 49_215 };

/** The TCP ports on which QEMU takes guests in here; undefined where the agent may not read what says so. */
export async function readMigrationPorts(files: HostFiles): Promise<HostFacts["migrationPorts"]> {
  try {
    const settings = qemuSettings((await readIfThere(files, QEMU_CONF)) ?? "");
    const port = (key: string, otherwise: number) => Number(settings.get(key) ?? otherwise);
    return {
      min: port("migration_port_min", DEFAULT_PORTS.min),
      max: port("migration_port_max", DEFAULT_PORTS.max),
    };
  } catch {
    return undefined;
  }
}
