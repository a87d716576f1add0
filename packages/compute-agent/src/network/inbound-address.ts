import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { errorChain } from "@drover/model";
import { isLoopback } from "@drover/service-kit";

/** The addresses that a name, or an address, stands for on this host, best first. None: it is taken as it is. */
export type ResolveAddress = (address: string) => Promise<readonly string[]>;

/** Where this host takes a copy in, or the end of a sentence about why it cannot. */
export type Inbound = { readonly listenAddress: string } | { readonly problem: string };

/** By the machine's resolver: `/etc/hosts`, DNS. Rejects when the name is not known. */
export async function resolveByMachine(address: string): Promise<readonly string[]> {
  return (await lookup(address, { all: true })).map((found) => found.address);
}

/** Finds what the inbound address is on this host. Never rejects. */
export async function findInbound(inboundAddress: string, resolve: ResolveAddress): Promise<Inbound> {
  try {
    return chooseInbound(inboundAddress, await resolve(inboundAddress), ownAddresses());
  } catch (error) {
    return { problem: `does not resolve (${errorChain(error)})` };
  }
}

/**
 * QEMU is told an address to listen on, not a name: libvirt would resolve the name where it likes, and on Debian a host's own
 * name is 127.0.1.1 to itself. So a name becomes the address that this host has on an interface; where none matches (an
 * agent in a network namespace of its own), the first that is not loopback.
 */
export function chooseInbound(inboundAddress: string, resolved: readonly string[], own: ReadonlySet<string>): Inbound {
  if (isIP(inboundAddress) !== 0 || resolved.length === 0) return { listenAddress: inboundAddress };
  const reachable = resolved.filter((address) => !isLoopback(address));
  const chosen = reachable.find((address) => own.has(address)) ?? reachable[0];
  if (chosen !== undefined) return { listenAddress: chosen };
  return { problem: `is ${resolved.join(", ")} there, which no other host can reach; see /etc/hosts` };
}

/** This machine's addresses that others could reach: without those of loopback and of a single link. */
export function reachableAddresses(): readonly string[] {
  return [...ownAddresses()].filter((address) => !isLoopback(address) && !/^fe[89ab]/i.test(address)).sort();
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []));
}
