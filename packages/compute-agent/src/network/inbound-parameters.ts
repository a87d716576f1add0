import type { ChosenFlag, DestinationPreparation } from "@drover/model";

/**
 * Where a copy goes. libvirt sends disks (NBD) to the host of `migrate_uri` as well, and its destination listens for them
 * on `listen_address`, so neither `disks_uri` nor `disks_port` is needed; no port is named, libvirt takes one of
 * qemu.conf's migration range.
 *
 * @param inTheClear Why nothing is encrypted; null when it is.
 */
export function inboundParameters(
  destination: DestinationPreparation,
  inTheClear: string | null,
): readonly ChosenFlag[] {
  const { inboundAddress, listenAddress = inboundAddress } = destination;
  const reason = "memory and disks go to the destination's inbound address";
  return [
    {
      name: "migrate_uri",
      value: `tcp://${inUri(inboundAddress)}`,
      reason: inTheClear === null ? reason : `${reason}; in the clear: ${inTheClear}`,
    },
    {
      name: "listen_address",
      value: listenAddress,
      reason:
        listenAddress === inboundAddress
          ? "the destination takes them in on that address alone, not on all of them"
          : `the destination takes them in on that address alone: what ${inboundAddress} is there`,
    },
  ];
}

function inUri(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
