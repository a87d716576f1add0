import { type LibvirtConnection, VIR_DOMAIN_XML } from "@drover/libvirt";
import { readGuestDefinition } from "../guest/guest-definition.ts";
import { unlessGone } from "../libvirt/guest-facts.ts";

/** Everything that a guest of this host, as it runs or as it is defined, has for a disk or for the base of one. */
export async function pathsInUse(connection: LibvirtConnection): Promise<ReadonlySet<string>> {
  const { domain } = connection;
  const guests = await domain.listAll();
  const flags = [0, VIR_DOMAIN_XML.VIR_DOMAIN_XML_INACTIVE];
  const documents = await Promise.all(
    guests.flatMap((guest) => flags.map((flag) => unlessGone(domain.getXMLDesc(guest, flag)))),
  );
  const disks = documents.flatMap((xml) => (xml === null ? [] : readGuestDefinition(xml).disks));
  const named = disks.flatMap(({ source, backing }) => [source, ...backing.map((image) => image.source)]);
  return new Set(named.filter((path) => path !== null));
}
