import { type LibvirtAddress, parseLibvirtUri } from "@drover/libvirt";
import { errorChain } from "@drover/model";
import { isOwnAddress } from "./own-address.ts";

/**
 * Why this host does not dial the libvirtd that the source's agent names, with the remedy; undefined when it does. What is read
 * there is written here, so it must be another machine's, over the network, and the one that the source's record has: an
 * agent that was taken over must not have this one read its own host's files, or somebody else's.
 *
 * @param recordedUri As the source's record has it; undefined where the conductor does not say (before 1.4).
 */
export function sourceUriProblem(uri: string, recordedUri: string | undefined): string | undefined {
  let address: LibvirtAddress;
  try {
    address = parseLibvirtUri(uri);
  } catch (error) {
    return `${errorChain(error)}; correct libvirt_migration_uri there`;
  }
  if (address.transport === "unix" || isOwnAddress(address.host)) {
    return `${uri} leads to each host's own libvirtd; set libvirt_migration_uri there to qemu+tls:// or qemu+tcp:// and its name`;
  }
  if (recordedUri !== undefined && recordedUri !== uri) {
    return `${uri} is not what its record has (${recordedUri}); wait for its next report, and look into it if that does not help`;
  }
  return undefined;
}
