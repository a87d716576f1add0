/*
 * Trouble between two named parts of a lab. All of it is in the network namespace of the link's first host: rules of nft
 * in a table of their own, queueing of tc. So it is seen by both parts, touches nothing of the machine, and goes with the
 * host. A host has one table per fault, so that faults of one link may overlap and end in any order.
 */
import type { LabHost } from "../lab/lab-host.ts";
import type { LabNetworkName } from "../lab/lab-network.ts";
import { TestkitError } from "../testkit-error.ts";
import { type Fault, fault } from "./fault.ts";

/** What runs in the root namespace for a lab: brokers, databases, conductors. Hosts reach it over management. */
export const CONTROL_PLANE = "control plane";

/** Two parts of a lab that talk to each other. */
export interface LabLink {
  readonly between: readonly [LabHost, LabHost | typeof CONTROL_PLANE];
  /** @default every network that the two share: both of two hosts, management to the control plane */
  readonly networks?: readonly LabNetworkName[];
}

/**
 * How a link is cut: packets are lost without a word, which TCP takes minutes to notice, or connections are reset and new
 * ones refused, which both ends notice at once.
 */
export type CutMode = "drop" | "reset";

let tables = 0;

/** Cuts a link for all traffic, in both directions. Connections that a drop has not broken yet go on after the undo. */
export async function cutLink(link: LabLink, mode: CutMode): Promise<Fault> {
  const [host] = link.between;
  const reset = ["meta l4proto tcp tcp flags & rst == rst accept", "meta l4proto tcp reject with tcp reset"];
  const table = await filterLink(link, [...(mode === "reset" ? reset : []), "drop"]);
  if (mode === "reset") await resetLink(link);
  return fault(`${nameOf(link)} cut (${mode})`, () => removeTable(host, table));
}

/**
 * Loses a share of a link's packets at random, in each direction.
 *
 * @param percent 0 to 100, to a tenth.
 */
export async function loseOnLink(link: LabLink, percent: number): Promise<Fault> {
  if (!(percent >= 0 && percent <= 100)) throw new TestkitError(`a loss is 0 to 100 percent, not ${percent}`);
  const perMille = Math.round(percent * 10);
  // nft refuses a comparison that is always true.
  const table = await filterLink(link, [perMille === 1000 ? "drop" : `numgen random mod 1000 < ${perMille} drop`]);
  return fault(`${nameOf(link)} loses ${percent}%`, () => removeTable(link.between[0], table));
}

/**
 * Delays what the link's first host sends to the other part: a round trip takes `delayMs` longer. It takes the place of
 * a bandwidth limit on the same interface, and the undo removes either.
 *
 * @throws {TestkitError} if the kernel has no netem (CONFIG_NET_SCH_NETEM): Debian's has, some small ones do not.
 */
export async function delayLink(link: LabLink, delayMs: number): Promise<Fault> {
  const [host] = link.between;
  const networks = networksOf(link);
  const clear = () =>
    Promise.all(
      networks.map((device) => host.exec("tc", ["qdisc", "delete", "dev", device, "root"]).catch(() => undefined)),
    );
  const batch = networks.flatMap((device) => [
    `qdisc replace dev ${device} root handle d: htb default 1`,
    `class add dev ${device} parent d: classid d:1 htb rate 100gbit`,
    `class add dev ${device} parent d: classid d:2 htb rate 100gbit`,
    `qdisc add dev ${device} parent d:2 netem delay ${delayMs}ms limit 100000`,
  ]);
  try {
    await host.exec("tc", ["-batch", "-"], { input: `${batch.join("\n")}\n` });
  } catch (cause) {
    await clear();
    throw new TestkitError("could not delay a link; has this kernel netem (CONFIG_NET_SCH_NETEM)?", { cause });
  }
  // Sorted by nft, not by a filter of tc: whichever of those a kernel has, it has this.
  const table = await filterLink(link, ["meta priority set d:2"]);
  return fault(`${nameOf(link)} delayed by ${delayMs} ms`, async () => {
    await removeTable(host, table);
    await clear();
  });
}

/** Resets the connections between the link's two parts that exist now; new ones are not hindered. */
export async function resetLink(link: LabLink): Promise<void> {
  const [host, other] = link.between;
  const kill = (where: LabHost, peers: readonly string[]) =>
    Promise.all(peers.map((peer) => where.exec("ss", ["--tcp", "--kill", "--no-header", "dst", peer])));
  await kill(host, peersOf(link));
  if (other !== CONTROL_PLANE) {
    await kill(
      other,
      networksOf(link).map((network) => addressOf(host, network)),
    );
  }
}

/** Applies statements to all packets between the link's parts; resolves with the table they are in. */
async function filterLink(link: LabLink, statements: readonly string[]): Promise<string> {
  tables += 1;
  const table = `drover_fault_${process.pid}_${tables}`;
  const peers = `{ ${peersOf(link).join(", ")} }`;
  const chain = (hook: "input" | "output", side: "saddr" | "daddr") => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority -10; policy accept;`,
    ...statements.map((statement) => `    ip ${side} ${peers} ${statement}`),
    "  }",
  ];
  const input = [`table inet ${table} {`, ...chain("input", "saddr"), ...chain("output", "daddr"), "}", ""].join("\n");
  await link.between[0].exec("nft", ["--file", "-"], { input });
  return table;
}

async function removeTable(host: LabHost, table: string): Promise<void> {
  await host.exec("nft", ["delete", "table", "inet", table]);
}

function networksOf({ between: [, other], networks }: LabLink): readonly LabNetworkName[] {
  if (other === CONTROL_PLANE) return ["management"];
  return networks ?? ["management", "migration"];
}

function peersOf(link: LabLink): readonly string[] {
  const [host, other] = link.between;
  return other === CONTROL_PLANE ? [host.rootAddress] : networksOf(link).map((network) => addressOf(other, network));
}

function addressOf(host: LabHost, network: LabNetworkName): string {
  return network === "management" ? host.managementAddress : host.migrationAddress;
}

function nameOf({ between: [host, other] }: LabLink): string {
  return `${host.name} and ${other === CONTROL_PLANE ? `the ${CONTROL_PLANE}` : other.name}`;
}
