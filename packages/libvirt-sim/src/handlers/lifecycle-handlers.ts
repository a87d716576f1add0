import { type LibvirtHandlers, VIR_DOMAIN_METADATA, VIR_DOMAIN_START } from "@drover/libvirt";
import type { Clock } from "@drover/model";
import { parseDomainXml } from "../domain-xml.ts";
import { withMetadata } from "../guest-metadata.ts";
import { unsupportedArgument } from "../refusals.ts";
import type { SimulatedGuest } from "../simulated-guest.ts";
import type { SimulatedHost } from "../simulated-host.ts";
import { done } from "./done.ts";

/** How long libvirtd lets a call wait for a job that excludes it (QEMU_JOB_WAIT_TIME, libvirt 9.0), ms. */
const JOB_WAIT_MS = 30_000;

interface Metadata {
  readonly type: number;
  readonly metadata: string | null;
  readonly key: string | null;
  readonly uri: string | null;
}

interface OfGuest {
  readonly dom: { readonly uuid: string; readonly name: string };
}

/** Changing guests. Calls that libvirtd does not let run beside a migration wait here too. */
export function lifecycleHandlers(host: SimulatedHost, clock: Clock): LibvirtHandlers {
  const guestOf = ({ dom }: OfGuest) => host.byUuid(dom.uuid, dom.name);
  const freeGuestOf = async (args: OfGuest): Promise<SimulatedGuest> => {
    await guestOf(args).withoutJob(JOB_WAIT_MS, (ms, signal) => clock.sleep(ms, signal));
    return guestOf(args);
  };
  const undefine = done(async (args: OfGuest) => host.undefine(await freeGuestOf(args)));
  const shutdown = done(async (args: OfGuest) => host.shutdown(await freeGuestOf(args)));
  const destroy = done((args: OfGuest) => host.destroy(guestOf(args)));
  const paused = (flags: number) => (flags & VIR_DOMAIN_START.VIR_DOMAIN_START_PAUSED) !== 0;
  const define = (xml: string) => ({ dom: host.define(parseDomainXml(xml)).ref });
  return {
    domainDefineXML: ({ xml }) => define(xml),
    domainDefineXMLFlags: ({ xml }) => define(xml),
    domainUndefine: undefine,
    domainUndefineFlags: undefine,
    domainCreate: done(async (args: OfGuest) => host.start(await freeGuestOf(args))),
    domainCreateWithFlags: async (args) => {
      const guest = await freeGuestOf(args);
      host.start(guest, paused(args.flags));
      return { dom: guest.ref };
    },
    domainCreateXML: ({ xmlDesc, flags }) => ({ dom: host.create(parseDomainXml(xmlDesc), paused(flags)).ref }),
    domainSetMetadata: done(async (args: OfGuest & Metadata) => {
      const guest = await freeGuestOf(args);
      const { key, uri, metadata: xml, type } = args;
      if (type !== VIR_DOMAIN_METADATA.VIR_DOMAIN_METADATA_ELEMENT || key === null || uri === null) {
        throw unsupportedArgument("the simulated host keeps metadata elements with a key and a namespace only");
      }
      host.redescribe(guest, (definition) => withMetadata(definition, { key, uri, xml }));
    }),
    domainSuspend: done((args: OfGuest) => host.suspend(guestOf(args))),
    domainResume: done(async (args: OfGuest) => host.resume(await freeGuestOf(args))),
    domainShutdown: shutdown,
    domainShutdownFlags: shutdown,
    domainDestroy: destroy,
    domainDestroyFlags: destroy,
  };
}
