import { type ChosenFlag, DroverError, type PreparedDisk } from "@drover/model";
import { parameter } from "../migration/chosen-flag.ts";
import { consolesToMove, moveConsole } from "./console-address.ts";
import { attachThere, type NetworkNames, sharedNetworks } from "./interface-network.ts";
import { find, formatXml, parseXml, type XmlElement } from "./xml-element.ts";

/** A guest's definition for its destination, and the parameters by which libvirt is given it. */
export interface DestinationDefinition {
  readonly xml: string;
  readonly parameters: readonly ChosenFlag[];
}

/** What the destination said of itself. */
export interface DestinationFacts {
  readonly host: string;
  readonly disks: readonly PreparedDisk[];
  /** Where guests' consoles listen there; null where it does not say. */
  readonly consoleAddress: string | null;
  /** What networks are called on the two hosts. */
  readonly networks: { readonly here: NetworkNames; readonly there: NetworkNames };
}

/** A device as it is to be there, or the one that it was; `says` what was changed, for people. */
type Change = (device: XmlElement) => { readonly device: XmlElement; readonly says: string } | null;

/**
 * The definition with which a guest arrives, where it differs from the one it has; null when nothing differs.
 *
 * - A disk that is copied whole has no base image there, and libvirt would look for each that the definition names.
 * - A console (VNC, SPICE, a serial port over TCP or UDP) that listens on an address of this host listens on the destination's.
 * - An interface on a network that the hosts name differently is attached to what the destination calls it.
 *
 * All else is as it was, in its order. The processor is the one that the guest has: libvirt's migratable document names it
 * with all its features, also where the stored definition says `host-model`. What libvirt compares between both hosts
 * (virDomainDefCheckABIStability) is never changed.
 *
 * It is both the running and the stored one: with `destination_xml` alone the stored one keeps what is right on the source
 * only (CVE-2020-17376).
 *
 * @param migratableXml As libvirt gives it with VIR_DOMAIN_XML_MIGRATABLE and SECURE.
 * @throws {DroverError} `protocol` when it is no XML; `refused` when a console has to listen elsewhere and the destination does not
 *   say where.
 */
export function destinationDefinition(migratableXml: string, facts: DestinationFacts): DestinationDefinition | null {
  const domain = parseXml(migratableXml);
  const changes = [withoutBaseImages(facts), withConsolesThere(domain, facts), withNetworksThere(domain, facts)];
  const said: string[] = [];
  const changed = mapDevices(domain, (device) => {
    for (const change of changes) {
      const done = change(device);
      if (done === null) continue;
      said.push(done.says);
      return done.device;
    }
    return device;
  });
  if (said.length === 0) return null;
  const value = said.join("; ");
  const reason = "what is otherwise there than here; the running and the stored definition are the same";
  return {
    xml: formatXml(changed),
    parameters: ["destination_xml", "persistent_xml"].map((name) => parameter(name, value, reason)),
  };
}

function withoutBaseImages({ disks }: DestinationFacts): Change {
  const copied = new Set(disks.filter(({ action }) => action === "copy").map(({ target }) => target));
  return (device) => {
    const target = find(device, "target")?.attributes.dev ?? "";
    const isCopied = device.name === "disk" && copied.has(target);
    if (!isCopied || find(device, "backingStore", "source") === undefined) return null;
    const children = device.children.filter(({ name }) => name !== "backingStore");
    return { device: { ...device, children }, says: `${target} without its base images` };
  };
}

function withConsolesThere(domain: XmlElement, { host, consoleAddress }: DestinationFacts): Change {
  const [first] = consolesToMove(domain);
  if (first === undefined) return () => null;
  if (consoleAddress === null) {
    throw new DroverError(
      "refused",
      `a console of the guest listens on ${first}, and ${host} does not say where its consoles do: set console_listen_addr in ` +
        "its [compute] section, or upgrade its agent",
    );
  }
  return (device) => {
    const moved = moveConsole(device, consoleAddress);
    return moved === null ? null : { device: moved, says: `${device.name} on ${consoleAddress}` };
  };
}

function withNetworksThere(domain: XmlElement, { host, networks: { here, there } }: DestinationFacts): Change {
  const unknown = sharedNetworks(domain, here).find((name) => there[name] === undefined);
  if (unknown !== undefined) {
    throw new DroverError(
      "refused",
      `the guest is on the network ${unknown}, and ${host} does not say what that is called there: name it in its ` +
        "[compute.networks] section, or upgrade its agent",
    );
  }
  return (device) => {
    const attached = attachThere(device, here, there);
    if (attached === null) return null;
    const mac = find(device, "mac")?.attributes.address ?? "without an address";
    return { device: attached.device, says: `interface ${mac} on ${attached.name}` };
  };
}

function mapDevices(domain: XmlElement, change: (device: XmlElement) => XmlElement): XmlElement {
  const children = domain.children.map((child) =>
    child.name === "devices" ? { ...child, children: child.children.map(change) } : child,
  );
  return { ...domain, children };
}
