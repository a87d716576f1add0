import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { runCommand } from "../process/run-command.ts";
import { notInstalled } from "./debian-packages.ts";

/** The tiers of tests beyond the unit tests: what they need from the machine. */
export type Tier = "services" | "hypervisors";

/** Whether a tier's tests can run here. */
export interface TierAvailability {
  /** True if they can run now, or after {@link installDebianPackages} of `missingPackages`. */
  readonly available: boolean;
  /** Why they cannot, as a sentence. Given exactly if `available` is false. */
  readonly reason?: string;
  /** Debian packages to install first. Empty if nothing is missing or it cannot be installed here. */
  readonly missingPackages: readonly string[];
}

const PACKAGES: Readonly<Record<Tier, readonly string[]>> = {
  services: [
    "rabbitmq-server",
    "nats-server",
    "redis-server",
    "postgresql",
    "python3-oslo.messaging",
    // A program that reads progress out of Redis by itself.
    "python3-redis",
    // For the commands of docs/guides.
    "curl",
    "jq",
    "python3-openstackclient",
    "python3-novaclient",
    "python3-openstacksdk",
    // Its program alone: the package `keystone` would set up a service.
    "python3-keystone",
    "openssl",
    "prometheus",
  ],
  hypervisors: [
    "qemu-system-x86",
    "qemu-utils",
    // Volumes over iSCSI: QEMU's initiator, and a target in user space.
    "qemu-block-extra",
    "tgt",
    // Storage pools over such volumes, by libvirt's own initiator.
    "libvirt-daemon-driver-storage-iscsi-direct",
    // Volumes over RBD: a Ceph of one monitor and one OSD, and its tools.
    "ceph-mon",
    "ceph-osd",
    "ceph-common",
    // Config drives.
    "genisoimage",
    // A file system that libvirt takes for one that hosts share.
    "bindfs",
    "libvirt-daemon-system",
    "libvirt-daemon-driver-qemu",
    "libvirt-clients",
    "iproute2",
    // For links that are cut between two parts of a lab.
    "nftables",
    // For the guest's image.
    "busybox-static",
    "lz4",
    "gcc",
    "libc6-dev",
  ],
};

/** The tier's Debian packages that are not installed. All of them where there is no dpkg. */
export async function missingDebianPackages(tier: Tier): Promise<string[]> {
  return isDebian() ? notInstalled(PACKAGES[tier]) : [...PACKAGES[tier]];
}

/** For each tier, whether this machine can run it, or why not. Nothing is changed. */
export async function tierAvailability(): Promise<Record<Tier, TierAvailability>> {
  const [services, hypervisors] = await Promise.all([servicesAvailability(), hypervisorsAvailability()]);
  return { services, hypervisors };
}

async function servicesAvailability(): Promise<TierAvailability> {
  if (process.platform !== "linux") return unavailable(`it needs Linux, and this is ${process.platform}`);
  return withPackages("services");
}

async function hypervisorsAvailability(): Promise<TierAvailability> {
  if (process.platform !== "linux") return unavailable(`it needs Linux, and this is ${process.platform}`);
  if (process.arch !== "x64") return unavailable(`its guests are x86-64, and this machine is ${process.arch}`);
  if (process.getuid?.() !== 0) return unavailable("it needs root, for namespaces and libvirtd");
  const namespaces = await runCommand("unshare", ["--net", "--mount", "--uts", "true"]).then(
    () => true,
    () => false,
  );
  if (!namespaces) return unavailable("this machine does not allow new network and mount namespaces");
  if (!existsSync("/dev/fuse")) return unavailable("this machine has no /dev/fuse, for storage that hosts share");
  return withPackages("hypervisors");
}

async function withPackages(tier: Tier): Promise<TierAvailability> {
  if (!isDebian()) return unavailable("it needs Debian or one of its kin, for its packages");
  const missingPackages = await missingDebianPackages(tier);
  if (missingPackages.length === 0) return { available: true, missingPackages };
  if (process.getuid?.() === 0) return { available: true, missingPackages };
  return unavailable(`these packages are missing, and installing them needs root: ${missingPackages.join(" ")}`);
}

function unavailable(reason: string): TierAvailability {
  return { available: false, reason, missingPackages: [] };
}

function isDebian(): boolean {
  return existsSync("/etc/debian_version") && ["apt-get", "dpkg-query"].every(isInPath);
}

function isInPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
