import { DroverError } from "@drover/model";
import type { GuestInventory } from "../inventory/guest-inventory.ts";
import { domainOf, readStanding } from "../libvirt/guest-facts.ts";
import type { LibvirtLink } from "../libvirt/libvirt-link.ts";
import type { Migrations } from "../migration/migrations.ts";

interface Parts {
  readonly link: LibvirtLink;
  readonly inventory: GuestInventory;
  readonly migrations: Migrations;
}

interface Guest {
  readonly serverUuid: string;
  readonly serverName: string;
}

/**
 * Suspends a guest or lets it run again, on an operator's request. One that is so already is left as it is. A guest in a
 * migration, or that one left standing still, is refused: started beside its copy it would run twice, on the same disks.
 *
 * @throws {DroverError} `refused`; what libvirt says
 */
export async function setPaused({ link, inventory, migrations }: Parts, guest: Guest, paused: boolean): Promise<void> {
  const { serverUuid, serverName } = guest;
  const refuse = (why: string) => new DroverError("refused", `${serverName} ${why}`, { details: { serverUuid } });
  if (migrations.concerns(serverUuid)) throw refuse("is in a migration");
  const domain = domainOf(guest);
  const { standing, job } = await readStanding(link.questions, domain);
  if (job !== "none") throw refuse("is busy with another job of libvirt's");
  if (standing === (paused ? "paused" : "running")) return;
  if (standing !== (paused ? "running" : "paused")) throw refuse(`is ${standing} here`);
  await (paused ? link.control.domain.suspend(domain) : link.control.domain.resume(domain));
  inventory.touch(serverUuid);
}
