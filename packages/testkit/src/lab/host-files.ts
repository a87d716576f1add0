import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** Where a lab host's own folders are, seen from the root mount namespace. */
export interface HostFolders {
  /** Holds everything of the host. */
  readonly root: string;
  /** The host's /run/libvirt: `libvirt-sock` is here. */
  readonly run: string;
  /** The host's /var/lib/libvirt. */
  readonly state: string;
  /** The host's /var/log/libvirt; guests' consoles are in `console/`. */
  readonly log: string;
  /** The host's /var/cache/libvirt. */
  readonly cache: string;
  /** The host's /etc/libvirt. */
  readonly etc: string;
}

/** What a host's configuration is made from. */
export interface HostFileOptions {
  readonly root: string;
  readonly hostName: string;
  /** Text of the /etc/hosts that all hosts of the lab see. */
  readonly hostsFile: string;
  /** libvirtd's `max_client_requests`. @default libvirt's own (5) */
  readonly maxClientRequests?: number;
  /** libvirtd listens with TLS alone, and QEMU's certificates for migrations are looked for in {@link QEMU_PKI_FOLDER}. */
  readonly tls: boolean;
}

/** Folder inside a host of libvirtd's own certificate and of that which it shows to other hosts' libvirtd. */
export const LIBVIRT_PKI_FOLDER = "/etc/libvirt/pki";

/** Folder inside a host of QEMU's certificates for migrations. */
export const QEMU_PKI_FOLDER = "/etc/libvirt/pki-qemu";

/** Folder inside a host in which guests' serial consoles are written. The same path on every host, so it migrates. */
export const CONSOLE_FOLDER = "/var/log/libvirt/console";

/** The host's folders below `root`; nothing is created. */
function hostFolders(root: string): HostFolders {
  const folder = (name: string) => join(root, name);
  return {
    root,
    run: folder("run"),
    state: folder("state"),
    log: folder("log"),
    cache: folder("cache"),
    etc: folder("etc"),
  };
}

/** Creates a host's folders and writes its configuration files. */
export async function writeHostFiles(options: HostFileOptions): Promise<HostFolders> {
  const folders = hostFolders(options.root);
  await Promise.all(Object.values(folders).map((folder) => mkdir(folder, { recursive: true })));
  await mkdir(join(folders.log, "console"), { recursive: true });
  await writeFile(join(folders.etc, "libvirtd.conf"), libvirtdConfiguration(options));
  await writeFile(join(folders.etc, "qemu.conf"), qemuConfiguration(options));
  // libvirtd does not start if a folder that qemu.conf names is not there.
  await mkdir(join(folders.etc, basename(QEMU_PKI_FOLDER)), { recursive: true });
  await writeFile(join(folders.root, "hosts"), options.hostsFile);
  await writeFile(join(folders.root, "hostname"), `${options.hostName}\n`);
  await writeFile(join(folders.root, "enter.sh"), hostSetupScript(options.hostName, folders));
  return folders;
}

function libvirtdConfiguration({ maxClientRequests, tls }: HostFileOptions): string {
  const inPki = (name: string) => `"${LIBVIRT_PKI_FOLDER}/${name}"`;
  const network = tls
    ? [
        ...["listen_tls = 1", "listen_tcp = 0", 'auth_tls = "none"'],
        ...[`ca_file = ${inPki("cacert.pem")}`, `cert_file = ${inPki("servercert.pem")}`],
        `key_file = ${inPki("serverkey.pem")}`,
        // It starts with a certificate that has expired, as one does that ran when it expired.
        "tls_no_sanity_certificate = 1",
      ]
    : ["listen_tls = 0", "listen_tcp = 1", 'auth_tcp = "none"'];
  return [
    ...network,
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    // Hosts on one machine read the same DMI data; libvirt refuses to migrate a guest to a host with its own UUID.
    `host_uuid = "${randomUUID()}"`,
    'log_outputs = "3:stderr"',
    ...(maxClientRequests === undefined ? [] : [`max_client_requests = ${maxClientRequests}`]),
    "",
  ].join("\n");
}

function qemuConfiguration({ tls }: HostFileOptions): string {
  return [
    'user = "root"',
    'group = "root"',
    "dynamic_ownership = 0",
    'security_driver = "none"',
    'stdio_handler = "file"',
    "cgroup_controllers = []",
    "namespaces = []",
    ...(tls ? [`migrate_tls_x509_cert_dir = "${QEMU_PKI_FOLDER}"`] : []),
    "",
  ].join("\n");
}

/**
 * The script that turns fresh net, mount and UTS namespaces into a host. It says "ready" and becomes the command it was
 * given, which keeps the namespaces.
 */
function hostSetupScript(hostName: string, folders: HostFolders): string {
  const bind = (source: string, target: string) => `mount --bind '${source}' ${target}`;
  return [
    "set -eu",
    `hostname ${hostName}`,
    "ip link set lo up",
    // An empty /run hides the machine's D-Bus, udev and machined: a lab host must not reach them.
    "mount -t tmpfs -o mode=755 drover-lab /run",
    "mkdir -p /run/libvirt /run/lock",
    // A fresh sysfs shows this namespace's interfaces, and no cgroups: libvirt then makes none.
    "mount -t sysfs sysfs /sys",
    bind(folders.run, "/run/libvirt"),
    bind(folders.state, "/var/lib/libvirt"),
    bind(folders.log, "/var/log/libvirt"),
    bind(folders.cache, "/var/cache/libvirt"),
    bind(folders.etc, "/etc/libvirt"),
    bind(join(folders.root, "hosts"), "/etc/hosts"),
    bind(join(folders.root, "hostname"), "/etc/hostname"),
    "echo ready",
    'exec "$@"',
    "",
  ].join("\n");
}
