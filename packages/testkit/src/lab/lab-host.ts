import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { openSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { GuestSpec } from "../guest/guest-definition.ts";
import { defineGuest, type LabGuest, startGuest } from "../guest/lab-guest.ts";
import { compiledProgram } from "../process/compiled-program.ts";
import { enterArguments, holdNamespaces } from "../process/namespace-holder.ts";
import type { OwnedFolder } from "../process/owned-folder.ts";
import { endProcess, identifyProcess, type ProcessIdentity, signalProcess } from "../process/process-identity.ts";
import { processTree } from "../process/process-tree.ts";
import { type CommandOptions, type CommandOutput, runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";
import { waitFor } from "../wait-for.ts";
import { loadCapabilities } from "./capability-cache.ts";
import { type HostFolders, LIBVIRT_PKI_FOLDER, QEMU_PKI_FOLDER, writeHostFiles } from "./host-files.ts";
import type { CertificateFiles, CertificateUser, LabAuthority } from "./lab-authority.ts";
import type { LabNetworkName, LabSwitch } from "./lab-network.ts";
import { limitBandwidth, resetConnections } from "./network-faults.ts";

/** How to start one host. */
export interface LabHostOptions {
  readonly index: number;
  readonly name: string;
  readonly folder: OwnedFolder;
  readonly labSwitch: LabSwitch;
  readonly hostsFile: string;
  readonly detached: boolean;
  readonly maxClientRequests?: number;
  /** Has libvirtd listen with TLS alone, by certificates that this signs. @default plain TCP */
  readonly authority?: LabAuthority | undefined;
}

/** How a host's certificates differ from good ones. */
export interface HostCertificateOptions extends Partial<Pick<CertificateFiles, "names" | "expired" | "withoutClient">> {
  /** Who signs them. @default the lab's own authority */
  readonly authority?: LabAuthority;
}

const REAPER_SOURCE = fileURLToPath(new URL("../../host-program/reaper.c", import.meta.url));

const ALL_NAMESPACES = ["net", "uts", "mount"] as const;

/**
 * One libvirt host: a network, mount and UTS namespace of its own with a real libvirtd in it, reachable from outside by
 * unix socket and by TCP.
 */
export class LabHost {
  /** Position among the lab's hosts, from 0. */
  readonly index: number;
  /**
   * The host's name, which every host of the lab can resolve; `<name>-migration` and `<name>-migration6` are its addresses
   * for migrations.
   */
  readonly name: string;
  readonly managementAddress: string;
  readonly migrationAddress: string;
  readonly migrationAddress6: string;
  /** The root namespace's address on the management network: where the host reaches brokers that tests start. */
  readonly rootAddress: string;
  /** libvirtd's unix socket, as a path of the root mount namespace. */
  readonly socketPath: string;
  /** libvirt URI of that socket. */
  readonly uri: string;
  /** libvirt URI over TCP, valid in the root namespace and in every host: a peer-to-peer migration's destination. */
  readonly tcpUri: string;
  /** The same over TLS, as another host's libvirtd dials it, with the client certificate of its own host. */
  readonly tlsUri: string;
  /** That of the two which its libvirtd listens for. */
  readonly migrationUri: string;
  /** The host's own folders, as paths of the root mount namespace. */
  readonly folders: HostFolders;

  readonly #holder: ProcessIdentity;
  readonly #folder: OwnedFolder;
  readonly #switch: LabSwitch;
  readonly #authority: LabAuthority | undefined;
  #libvirtd: ProcessIdentity | undefined;

  private constructor(options: LabHostOptions, folders: HostFolders, holder: ProcessIdentity) {
    const { addresses } = options.labSwitch;
    this.index = options.index;
    this.name = options.name;
    this.managementAddress = addresses.hostAddress("management", options.index);
    this.migrationAddress = addresses.hostAddress("migration", options.index);
    this.migrationAddress6 = addresses.migrationAddress6(options.index);
    this.rootAddress = addresses.rootAddress;
    this.socketPath = join(folders.run, "libvirt-sock");
    this.uri = `qemu+unix:///system?socket=${this.socketPath}`;
    this.tcpUri = `qemu+tcp://${this.managementAddress}/system`;
    this.tlsUri = `qemu+tls://${this.name}/system?pkipath=${LIBVIRT_PKI_FOLDER}`;
    this.migrationUri = options.authority === undefined ? this.tcpUri : this.tlsUri;
    this.folders = folders;
    this.#authority = options.authority;
    this.#holder = holder;
    this.#folder = options.folder;
    this.#switch = options.labSwitch;
  }

  /** Makes the namespaces, joins them to the networks and starts libvirtd; resolves when it answers. */
  static async start(options: LabHostOptions): Promise<LabHost> {
    const root = join(options.folder.path, options.name);
    const folders = await writeHostFiles({
      ...{ ...options, root, hostName: options.name },
      tls: options.authority !== undefined,
    });
    await loadCapabilities(folders.cache);
    const holder = await holdNamespaces({
      namespaces: ["net", "uts"],
      script: readFileSync(join(root, "enter.sh"), "utf8"),
      logFile: join(root, "holder.log"),
      detached: options.detached,
    });
    options.folder.addProcess(holder);
    await options.labSwitch.connect(options.index, holder);
    const host = new LabHost(options, folders, holder);
    if (options.authority !== undefined) await host.writeCertificates("libvirt");
    await host.startLibvirtd();
    // Makes libvirt ask QEMU what it can do, if it does not know: 3.5 s that belong to no guest's start or migration.
    await host.virsh("domcapabilities", "--virttype", "qemu");
    return host;
  }

  /**
   * Runs a command inside the host's namespaces to its end.
   *
   * @throws {TestkitError} as {@link runCommand}.
   */
  exec(command: string, args: readonly string[] = [], options: CommandOptions = {}): Promise<CommandOutput> {
    return runCommand("nsenter", [...enterArguments(this.#holder, ALL_NAMESPACES), command, ...args], options);
  }

  /** Runs `virsh` inside the host, on its own libvirtd, and returns what it wrote, trimmed. */
  async virsh(...args: readonly string[]): Promise<string> {
    const { stdout } = await this.exec("virsh", ["--connect", "qemu:///system", ...args], { deadlineMs: 300_000 });
    return stdout.trim();
  }

  /**
   * Starts a process inside the host's namespaces, for example an agent. Its id is the process's own, so that signals
   * reach it. It is killed when the lab stops, if it still runs.
   *
   * @param options.network "root" leaves it in the root network namespace, where loopback is the tests' own; libvirtd's
   *   socket and the host's name are the host's all the same. @default "host"
   */
  spawn(
    command: string,
    args: readonly string[] = [],
    options: SpawnOptions & { readonly network?: "host" | "root" } = {},
  ): ChildProcess {
    const { network = "host", ...spawnOptions } = options;
    const namespaces = ALL_NAMESPACES.filter((namespace) => network === "host" || namespace !== "net");
    // Changing the mount namespace sets the working directory to "/": it is set again inside.
    const cwd = String(options.cwd ?? process.cwd());
    return spawn("nsenter", [...enterArguments(this.#holder, namespaces), "env", "-C", cwd, command, ...args], {
      ...spawnOptions,
      cwd: "/",
    });
  }

  /** Defines a guest on this host, without starting it. */
  defineGuest(spec: GuestSpec): Promise<LabGuest> {
    return defineGuest(this, spec);
  }

  /**
   * Defines and starts a guest; resolves when its program has filled its memory and made its first report.
   *
   * @param options.deadlineMs How long that may take. @default 60000
   */
  startGuest(spec: GuestSpec, options: { readonly deadlineMs?: number } = {}): Promise<LabGuest> {
    return startGuest(this, spec, options);
  }

  /** Process id of libvirtd, or `undefined` while it is down. */
  get libvirtdPid(): number | undefined {
    return this.#libvirtd === undefined ? undefined : identifyProcess(this.#libvirtd.pid)?.pid;
  }

  /** Process ids of the host's running QEMUs, by guest name. */
  qemuPids(): Map<string, number> {
    const names = new Map<string, number>();
    for (const [name, pid] of this.#pidFiles()) if (identifyProcess(pid) !== undefined) names.set(name, pid);
    return names;
  }

  /** Starts libvirtd and resolves when it answers a client. Guests that ran on through its absence are found again. */
  async startLibvirtd(): Promise<void> {
    if (this.libvirtdPid !== undefined) return;
    const log = openSync(join(this.folders.root, "libvirtd.log"), "a", 0o600);
    // libvirt drops what it knows of QEMU when CPUID has changed, and CPUID names the very processor that asks: started on
    // another one than last time, it would spend 3.5 s on asking QEMU again. So it starts on one and then may use all.
    const allowed = allowedProcessors();
    const pinned = ["taskset", "--cpu-list", allowed.split(/[-,]/)[0] ?? "0"];
    const reaper = await compiledProgram(REAPER_SOURCE);
    const child = this.spawn(reaper, [...pinned, "libvirtd", "--listen"], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log],
      env: { PATH: process.env.PATH, HOME: "/root", LANG: "C.UTF-8" },
    });
    child.on("error", () => undefined);
    child.unref();
    const parent = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (parent === undefined) throw new TestkitError(`could not start libvirtd of ${this.name}`);
    this.#folder.addProcess(parent);
    await waitFor(
      `libvirtd of ${this.name} to answer`,
      async () => {
        if (child.exitCode !== null) throw new TestkitError(`libvirtd ended: ${this.libvirtdLog()}`);
        return this.virsh("list", "--name").then(() => true);
      },
      { deadlineMs: 30_000 },
    );
    const [, libvirtd] = processTree(parent);
    if (libvirtd === undefined) throw new TestkitError(`libvirtd of ${this.name} ended as soon as it had answered`);
    this.#libvirtd = libvirtd;
    // A thread that ends while they are gone through fails the command: done again, it is no longer among them.
    const widen = ["--all-tasks", "--cpu-list", "--pid", allowed, String(libvirtd.pid)];
    await waitFor(`libvirtd of ${this.name} to use all processors`, () => runCommand("taskset", widen), {
      deadlineMs: 5_000,
    });
  }

  /**
   * Puts certificates for the host's names and addresses in place, in a lab with TLS. libvirtd reads its own at its start,
   * that which it shows to others and QEMU's are read for each migration. QEMU has none until this is called.
   *
   * @throws {TestkitError} if nobody is there to sign them.
   */
  async writeCertificates(user: CertificateUser, options: HostCertificateOptions = {}): Promise<void> {
    const { authority = this.#authority, names = this.#certificateNames() } = options;
    if (authority === undefined) throw new TestkitError(`${this.name} has no authority: start the lab with tls`);
    const folder = this.certificateFolder(user);
    await authority.write({ ...options, folder, user, names });
  }

  /** Takes a user's certificates away. */
  async removeCertificates(user: CertificateUser): Promise<void> {
    const folder = this.certificateFolder(user);
    await Promise.all(listFiles(folder).map((name) => rm(join(folder, name))));
  }

  /** Where a user's certificates are, as a path of the root mount namespace. */
  certificateFolder(user: CertificateUser): string {
    return join(this.folders.etc, basename(user === "qemu" ? QEMU_PKI_FOLDER : LIBVIRT_PKI_FOLDER));
  }

  #certificateNames(): readonly string[] {
    const { name } = this;
    return [name, `${name}-migration`, this.managementAddress, this.migrationAddress, this.migrationAddress6];
  }

  /** What libvirtd wrote so far. */
  libvirtdLog(): string {
    return readFileSync(join(this.folders.root, "libvirtd.log"), "utf8");
  }

  /** Kills libvirtd (SIGKILL), as a crash would. Its guests run on. */
  async killLibvirtd(): Promise<void> {
    if (this.#libvirtd === undefined) return;
    await endProcess(this.#libvirtd, { signal: "SIGKILL" });
    this.#libvirtd = undefined;
  }

  /** Stops libvirtd from running without ending it (SIGSTOP): connections stay open and nobody answers. */
  freezeLibvirtd(): void {
    if (this.#libvirtd !== undefined) signalProcess(this.#libvirtd, "SIGSTOP");
  }

  /** Lets a frozen libvirtd run on (SIGCONT). */
  thawLibvirtd(): void {
    if (this.#libvirtd !== undefined) signalProcess(this.#libvirtd, "SIGCONT");
  }

  /** Takes the host's wire to a network down: packets are lost silently, connections are not reset. */
  cutNetwork(network: LabNetworkName): Promise<void> {
    return this.#switch.setLink(this.index, network, "down");
  }

  /** Undoes {@link cutNetwork}. */
  restoreNetwork(network: LabNetworkName): Promise<void> {
    return this.#switch.setLink(this.index, network, "up");
  }

  /** Bytes that went over the host's wire to a network since the lab began, both ways. */
  async networkBytes(network: LabNetworkName): Promise<number> {
    const counters = ["rx_bytes", "tx_bytes"].map((name) => `/sys/class/net/${network}/statistics/${name}`);
    const { stdout } = await this.exec("cat", counters);
    return stdout
      .trim()
      .split("\n")
      .map(Number)
      .reduce((sum, bytes) => sum + bytes, 0);
  }

  /** See {@link resetConnections}. */
  resetConnections(network: LabNetworkName): Promise<void> {
    return resetConnections(this, network);
  }

  /** See {@link limitBandwidth}. */
  limitBandwidth(network: LabNetworkName, bandwidthMiBps: number): Promise<void> {
    return limitBandwidth(this, network, bandwidthMiBps);
  }

  *#pidFiles(): Generator<[string, number]> {
    const folder = join(this.folders.run, "qemu");
    for (const name of listFiles(folder)) {
      // driver.pid is that of libvirtd itself.
      if (!name.endsWith(".pid") || name === "driver.pid") continue;
      const pid = Number(readFileSync(join(folder, name), "utf8"));
      if (pid > 0) yield [name.slice(0, -".pid".length), pid];
    }
  }
}

/** The processors this process may run on, as `taskset` takes them: "0-3,5". */
function allowedProcessors(): string {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
