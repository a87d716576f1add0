import { lookup as dnsLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { DroverError } from "@drover/model";
import { isLoopback, networkList } from "@drover/service-kit";

/**
 * Who may create a webhook can have the conductor send to any address that it reaches. What no receiver of ours can be is
 * refused: link-local addresses and others where clouds serve their machines' credentials, unspecified and multicast ones, and
 * the conductor's loopback addresses unless the configuration says otherwise. Private networks are allowed: most receivers are there.
 */
export interface ReceiverRules {
  readonly allowLoopback: boolean;
}

const never = networkList(
  ...["0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "fe80::/10", "ff00::/8"],
  // Where clouds serve credentials beside 169.254.169.254: EC2 and Google over IPv6, Alibaba, Oracle, Azure's agent, and NAT64's way there.
  ...["fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"],
  "64:ff9b::a9fe:0/112",
);

/** @throws {DroverError} `refused` */
function requireAllowed(address: string, { allowLoopback }: ReceiverRules): void {
  const isOurs = isLoopback(address);
  if (!never.has(address) && (allowLoopback || !isOurs)) return;
  const remedy = isOurs ? "; conductor.webhook_allow_loopback allows it" : "";
  throw new DroverError("refused", `nothing is sent to the address ${address}${remedy}`, { details: { address } });
}

/** Looks at an address that stands in the URL itself: for those no name is looked up. @throws {DroverError} `refused` */
export function requireAllowedHost({ hostname }: URL, rules: ReceiverRules): void {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) requireAllowed(host, rules);
}

/** For a request: looks a name up and refuses what it leads to, so that no other address is connected to than was looked at. */
export function guardedLookup(rules: ReceiverRules): LookupFunction {
  return (hostname, options, done) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, []);
      try {
        for (const { address } of addresses) requireAllowed(address, rules);
      } catch (refusal) {
        return done(refusal instanceof Error ? refusal : new Error(String(refusal)), []);
      }
      const [first] = addresses;
      if (options.all === true || first === undefined) return done(null, addresses);
      return done(null, first.address, first.family);
    });
  };
}
