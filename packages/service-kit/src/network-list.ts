import { BlockList, isIP, isIPv6 } from "node:net";

/** Networks that addresses are looked up in. */
export interface NetworkList {
  /** An IPv4 address is found in whichever way it is written, as IPv6's `::ffff:192.0.2.7` too. */
  has(address: string): boolean;
}

/** @param networks In CIDR notation: `192.0.2.0/24`, `2001:db8::/32`. */
export function networkList(...networks: readonly string[]): NetworkList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return { has: (address) => list.check(address, familyOf(address)) };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

/** Addresses of this machine to itself, and nobody else's. */
const loopback = networkList("127.0.0.0/8", "::1/128");

/** True for `localhost`, 127.0.0.0/8 and ::1, also in brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return bare.toLowerCase() === "localhost" || (isIP(bare) !== 0 && loopback.has(bare));
}
