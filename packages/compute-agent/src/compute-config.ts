import { hostname } from "node:os";
import { z } from "zod";

const hostName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,255}$/, "must be a host name of letters, digits, dots, dashes and underscores");

// What may stand in a URI and in libvirt's parameters without quoting: a name, an IPv4 or an IPv6 address.
const address = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,255}$/, "must be a host name or an address, without brackets or port");

/** `[compute]`: one agent's host. Names are Nova's where Nova has them. */
export const computeConfig = z.object({
  host: hostName
    .default(() => hostname())
    .describe("Name of this host in the fleet. Default: the machine's host name."),
  libvirt_uri: z.string().min(1).default("qemu:///system").describe("How this agent reaches the host's libvirtd."),
  live_migration_inbound_addr: address
    .nullable()
    .default(null)
    .describe("Address by which other hosts reach this one for migrations. Default: `host`."),
  live_migration_scheme: z
    .enum(["tcp", "tls"])
    .default("tcp")
    .describe("How other hosts' libvirtd dial this one, if `libvirt_migration_uri` does not say."),
  libvirt_migration_uri: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "URI by which another host's libvirtd reaches this one. Default: qemu+SCHEME://ADDRESS/system, of " +
        "`live_migration_scheme` and `live_migration_inbound_addr`.",
    ),
  state_path: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("File that carries migrations over a restart of the agent. Default: compute-HOST.json in `data_dir`."),
  reserved_host_memory_mb: z
    .int()
    .min(0)
    .default(512)
    .describe("Memory of the host, MiB, that guests are never given."),
});

export type ComputeConfig = z.output<typeof computeConfig>;

/** Where this host takes migrations in; Nova's rule: the inbound address, or else the host's name. */
export function inboundEndpoint(config: ComputeConfig): {
  readonly inboundAddress: string;
  readonly libvirtUri: string;
} {
  const inboundAddress = config.live_migration_inbound_addr ?? config.host;
  const inUri = inboundAddress.includes(":") ? `[${inboundAddress}]` : inboundAddress;
  const libvirtUri = config.libvirt_migration_uri ?? `qemu+${config.live_migration_scheme}://${inUri}/system`;
  return { inboundAddress, libvirtUri };
}
