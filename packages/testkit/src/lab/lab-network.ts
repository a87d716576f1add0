import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { enterArguments, holdNamespaces } from "../process/namespace-holder.ts";
import type { ProcessIdentity } from "../process/process-identity.ts";
import { runCommand } from "../process/run-command.ts";
import { TestkitError } from "../testkit-error.ts";

/*
 *  root namespace          the lab's switch (a network namespace)           a host (its own namespaces)
 *
 *   drlab7  .1 ───veth─── uplink ─┐
 *                                 ├─ management (bridge) ─ host1m ───veth─── management  10.213.7.11
 *                                 │                      └ host2m ───veth─── …           10.213.7.12
 *                                 └─ migration  (bridge) ─ host1g ───veth─── migration   10.214.7.11, fd00:d0e7:7::11
 *
 * The bridges are in a namespace of their own because of what Docker does to those in the root one: it turns on
 * bridge-nf-call-iptables and drops what it does not know. That setting is per network namespace (Linux 5.3), and a
 * fresh namespace has no rules. Nothing of the machine is changed, and the kernel removes everything with the namespace.
 */

/** One of the two networks between lab hosts. */
export type LabNetworkName = "management" | "migration";

/** The addresses of a lab: two /24 networks, and one of IPv6 beside the second. */
export interface LabAddresses {
  readonly slot: number;
  readonly uplink: string;
  /** Of the root namespace's side of the management network: where hosts reach what the tests start. */
  readonly rootAddress: string;
  hostAddress(network: LabNetworkName, hostIndex: number): string;
  /** The host's IPv6 address on the migration network. */
  migrationAddress6(hostIndex: number): string;
}

/** The lab's switch: a namespace with the bridges, and the wires to it. */
export interface LabSwitch {
  readonly holder: ProcessIdentity;
  readonly addresses: LabAddresses;
  /** Joins a host's namespace to the networks and gives it its addresses. */
  connect(hostIndex: number, host: ProcessIdentity): Promise<void>;
  /** Takes a host's wire to one network down or up again, on the switch's side: the host sees a lost carrier. */
  setLink(hostIndex: number, network: LabNetworkName, state: "up" | "down"): Promise<void>;
}

const NETWORKS: readonly LabNetworkName[] = ["management", "migration"];
const FIRST_BYTES = [
  { management: "10.213", migration: "10.214" },
  { management: "172.29", migration: "172.30" },
];
const SLOTS_PER_RANGE = 200;

/** What each network's wires end with on the switch's side. */
const WIRE_SUFFIX: Record<LabNetworkName, string> = { management: "m", migration: "g" };

function labAddresses(slot: number): LabAddresses {
  const range = FIRST_BYTES[Math.floor(slot / SLOTS_PER_RANGE)];
  if (range === undefined) throw new TestkitError("every address range for labs is in use; stop a lab and try again");
  const third = slot % SLOTS_PER_RANGE;
  return {
    slot,
    uplink: `drlab${slot}`,
    rootAddress: `${range.management}.${third}.1`,
    hostAddress: (network, hostIndex) => `${range[network]}.${third}.${11 + hostIndex}`,
    migrationAddress6: (hostIndex) => `fd00:d0e7:${slot.toString(16)}::${11 + hostIndex}`,
  };
}

/**
 * Starts the switch. `marked` is the lab's folder; it is mounted on itself there, by which the lab's processes are known.
 *
 * @param options.onUplink Told the name of the interface in the root namespace as soon as it exists, to record it.
 */
export async function startSwitch(options: {
  readonly marked: string;
  readonly detached: boolean;
  readonly onUplink: (uplink: string) => Promise<void>;
}): Promise<LabSwitch> {
  const { marked, detached, onUplink } = options;
  const holder = await holdNamespaces({
    namespaces: ["net"],
    script: `set -eu; mount --bind '${marked}' '${marked}'; ip link set lo up; echo ready; exec "$@"`,
    logFile: join(marked, "switch.log"),
    detached,
  });
  const addresses = await plugUplink(holder, onUplink);
  const batch = NETWORKS.flatMap((network) => [`link add ${network} type bridge`, `link set ${network} up`]);
  await inSwitch(holder, [...batch, "link set uplink master management", "link set uplink up"]);
  return {
    holder,
    addresses,
    async connect(hostIndex, host) {
      await inSwitch(
        holder,
        NETWORKS.flatMap((network) => {
          const wire = wireName(hostIndex, network);
          return [
            `link add ${wire} type veth peer name ${network} netns ${host.pid}`,
            `link set ${wire} master ${network}`,
            `link set ${wire} up`,
          ];
        }),
      );
      await ipBatch(
        ["nsenter", ...enterArguments(host, ["net"])],
        [
          ...NETWORKS.flatMap((network) => [
            `address add ${addresses.hostAddress(network, hostIndex)}/24 dev ${network}`,
            `link set ${network} up`,
          ]),
          // Without looking for a duplicate, which takes a second in which it cannot be listened on.
          `address add ${addresses.migrationAddress6(hostIndex)}/64 dev migration nodad`,
        ],
      );
    },
    setLink: (hostIndex, network, state) => inSwitch(holder, [`link set ${wireName(hostIndex, network)} ${state}`]),
  };
}

function wireName(hostIndex: number, network: LabNetworkName): string {
  return `host${hostIndex + 1}${WIRE_SUFFIX[network]}`;
}

function inSwitch(holder: ProcessIdentity, commands: readonly string[]): Promise<void> {
  return ipBatch(["nsenter", ...enterArguments(holder, ["net"])], commands);
}

async function ipBatch(prefix: readonly string[], commands: readonly string[]): Promise<void> {
  const [command = "ip", ...args] = [...prefix, "ip", "-batch", "-"];
  await runCommand(command, args, { input: `${commands.join("\n")}\n` });
}

/** Makes the wire from the root namespace. Its name is the lock on the address range: the kernel refuses a second. */
async function plugUplink(holder: ProcessIdentity, onUplink: (uplink: string) => Promise<void>): Promise<LabAddresses> {
  for (let slot = process.pid % SLOTS_PER_RANGE; ; slot++) {
    const addresses = labAddresses(slot);
    if (await isTaken(addresses)) continue;
    const added = ["link", "add", addresses.uplink, "type", "veth", "peer", "name", "uplink", "netns", `${holder.pid}`];
    try {
      await runCommand("ip", added);
    } catch (error) {
      if (error instanceof TestkitError && String(error.details.stderr).includes("File exists")) continue;
      throw error;
    }
    await onUplink(addresses.uplink);
    await ipBatch(
      [],
      [`address add ${addresses.rootAddress}/24 dev ${addresses.uplink}`, `link set ${addresses.uplink} up`],
    );
    return addresses;
  }
}

async function isTaken(addresses: LabAddresses): Promise<boolean> {
  const prefix = (address: string) => `${address.split(".").slice(0, 3).join(".")}.`;
  const wanted = [addresses.rootAddress, addresses.hostAddress("migration", 0)].map(prefix);
  const used = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  const routes = (await runCommand("ip", ["-4", "route", "show"])).stdout;
  return wanted.some((network) => used.some((address) => address.startsWith(network)) || routes.includes(network));
}
