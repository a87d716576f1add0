import { type LibvirtConnection, VIR_DOMAIN_XML } from "@drover/libvirt";
import { readGuestDefinition } from "../guest/guest-definition.ts";
import { unlessGone } from "../libvirt/guest-facts.ts";
import { withVolumes } from "./volume-disks.ts";

export interface StorageInUse {
  /** What a disk, or the base of one, lies on. */
  readonly paths: ReadonlySet<string>;
  /** Names of storage pools that a disk is a volume of. */
  readonly pools: ReadonlySet<string>;
}

/** Everything that a guest of this host, as it runs or as it is defined, has for a disk or for the base of one. */
export async function storageInUse(connection: LibvirtConnection): Promise<StorageInUse> {
  const { domain } = connection;
  const guests = await domain.listAll();
  const flags = [0, VIR_DOMAIN_XML.VIR_DOMAIN_XML_INACTIVE];
  const documents = await Promise.all(
    guests.flatMap((guest) => flags.map((flag) => unlessGone(domain.getXMLDesc(guest, flag)))),
  );
  const named = documents.flatMap((xml) => (xml === null ? [] : readGuestDefinition(xml).disks));
  const disks = await withVolumes(connection, named);
  const paths = disks.flatMap(({ source, backing }) => [source, ...backing.map((image) => image.source)]);
  return {
    paths: new Set(paths.filter((path) => path !== null)),
    pools: new Set(disks.flatMap(({ volume }) => (volume === null ? [] : [volume.pool]))),
  };
}
