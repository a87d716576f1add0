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
    .describe(
      "Address, or name, at which this host takes in memory and disks: that of a network of their own, if there is one. " +
        "Default: `host`.",
    ),
  console_listen_addr: address
    .nullable()
    .default(null)
    .describe(
      "Address, or name, on which consoles (VNC, SPICE, serial over TCP) of guests listen that came here and had listened on one " +
        "of their source. Default: `host`.",
    ),
  networks: z
    .record(z.string().min(1), z.string().min(1))
    .refine((names) => new Set(Object.values(names)).size === Object.keys(names).length, {
      message: "two of its names mean the same bridge or network; keep one of them",
    })
    .default({})
    .describe(
      "What this host calls networks that other hosts call otherwise, by a name that the fleet shares: a table " +
        '`[compute.networks]` of `prod = "br-prod"`. A guest whose interface is on one (a bridge, a network of libvirt\'s, the ' +
        "device of a macvtap) is attached to what its destination calls it.",
    ),
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
      "URI by which another host's libvirtd reaches this one. Default: qemu+SCHEME://HOST/system, of " +
        "`live_migration_scheme` and `host`: the management network.",
    ),
  live_migration_with_native_tls: z
    .boolean()
    .default(false)
    .describe(
      "Refuse migrations from and to this host whose memory and disks would not be encrypted by QEMU's own TLS. Without " +
        "it they are where both hosts have certificates, and cross in the clear otherwise.",
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

/**
 * Where this host takes migrations in. Memory and disks come to the inbound address, or else the host's name. libvirtd's
 * conversation with libvirtd is management and goes to the host's name, unlike Nova's, which moves to the inbound address
 * with the rest: a network for copies then needs no libvirtd listening on it.
 */
export function inboundEndpoint(config: ComputeConfig): {
  readonly inboundAddress: string;
  readonly libvirtUri: string;
} {
  const inboundAddress = config.live_migration_inbound_addr ?? config.host;
  const libvirtUri = config.libvirt_migration_uri ?? `qemu+${config.live_migration_scheme}://${config.host}/system`;
  return { inboundAddress, libvirtUri };
}
