import { type LibvirtHandlers, VIR_CONNECT_LIST_DOMAINS, VIR_DOMAIN_STATE, VIR_DOMAIN_XML } from "@drover/libvirt";
import type { Clock } from "@drover/model";
import { domainStats } from "../domain-stats.ts";
import { formatDomainXml } from "../domain-xml.ts";
import { metadataOf } from "../guest-metadata.ts";
import { invalidArgument, notRunning } from "../refusals.ts";
import type { SimulatedGuest } from "../simulated-guest.ts";
import type { SimulatedHost } from "../simulated-host.ts";

/** VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON, KiB: all that is known without a balloon. */
const BALLOON_TAG = 6;

/** CONTROL_OK: libvirtd reaches QEMU. */
const CONTROL_OK = 0;

/** Looking: which guests there are, and how they are. */
export function domainHandlers(host: SimulatedHost, clock: Clock): LibvirtHandlers {
  const guestOf = ({ dom }: { readonly dom: { readonly uuid: string; readonly name: string } }) =>
    host.byUuid(dom.uuid, dom.name);
  return {
    connectListAllDomains: ({ needResults, flags }) => {
      const refs = host
        .guests()
        .filter((guest) => passes(guest, flags))
        .map((guest) => guest.ref);
      return { domains: needResults ? refs : [], ret: refs.length };
    },
    connectNumOfDomains: () => ({ num: host.guests().filter((guest) => guest.active).length }),
    connectListDomains: () => ({
      ids: host
        .guests()
        .filter((guest) => guest.active)
        .map((guest) => guest.id),
    }),
    connectNumOfDefinedDomains: () => ({ num: host.guests().filter((guest) => !guest.active).length }),
    connectListDefinedDomains: () => ({
      names: host
        .guests()
        .filter((guest) => !guest.active)
        .map((guest) => guest.name),
    }),
    domainLookupByUUID: ({ uuid }) => ({ dom: host.byUuid(uuid).ref }),
    domainLookupByName: ({ name }) => ({ dom: host.byName(name).ref }),
    domainLookupByID: ({ id }) => ({ dom: host.byId(id).ref }),
    domainGetXMLDesc: (args) => ({ xml: xmlOf(guestOf(args), args.flags) }),
    domainGetState: (args) => {
      const { state, reason } = guestOf(args);
      return { state, reason };
    },
    domainGetInfo: (args) => {
      const guest = guestOf(args);
      const memory = BigInt(guest.definition.memoryKiB);
      return {
        state: guest.state,
        maxMem: memory,
        memory,
        nrVirtCpu: guest.definition.vcpus,
        cpuTime: cpuTimeNs(guest, clock),
      };
    },
    domainIsActive: (args) => ({ active: guestOf(args).active }),
    domainIsPersistent: (args) => ({ persistent: guestOf(args).persistent }),
    domainIsUpdated: (args) => ({ updated: guestOf(args).nextDefinition !== null }),
    domainHasManagedSaveImage: (args) => ({ result: guestOf(args) === undefined ? 1 : 0 }),
    domainGetAutostart: (args) => ({ autostart: guestOf(args).autostart }),
    domainGetMaxMemory: (args) => ({ memory: BigInt(guestOf(args).definition.memoryKiB) }),
    domainGetMaxVcpus: (args) => {
      const guest = guestOf(args);
      if (!guest.active) throw notRunning();
      return { num: guest.definition.vcpus };
    },
    domainGetVcpusFlags: (args) => ({ num: guestOf(args).definition.vcpus }),
    domainGetOsType: (args) => ({ type: guestOf(args).definition.osType }),
    domainGetSecurityLabel: (args) => ({ label: "", enforcing: guestOf(args) === undefined }),
    domainGetSecurityLabelList: (args) => ({ labels: [], ret: guestOf(args) === undefined ? 1 : 0 }),
    domainGetControlInfo: (args) => {
      if (!guestOf(args).active) throw notRunning();
      return { state: CONTROL_OK, details: 0, stateTime: 0n };
    },
    domainGetMessages: (args) => ({ msgs: guestOf(args) === undefined ? [""] : [] }),
    domainSnapshotNum: (args) => ({ num: guestOf(args) === undefined ? 1 : 0 }),
    domainGetMetadata: (args) => ({ metadata: metadataOf(guestOf(args).definition, args.uri ?? "") }),
    domainGetBlockInfo: (args) => blockInfo(host, guestOf(args), args.path),
    domainMemoryStats: (args) => {
      const guest = guestOf(args);
      if (!guest.active) throw notRunning();
      return { stats: [{ tag: BALLOON_TAG, val: BigInt(guest.definition.memoryKiB) }] };
    },
    connectGetAllDomainStats: ({ doms, stats, flags }) => {
      const guests = doms.length === 0 ? host.guests() : doms.map((dom) => host.byUuid(dom.uuid, dom.name));
      return {
        retStats: guests
          .filter((guest) => passes(guest, flags))
          .map((guest) => ({ dom: guest.ref, params: domainStats(guest, stats, clock) })),
      };
    },
  };
}

/** Nanoseconds of CPU the guest has used: a fifth of the time it runs. */
function cpuTimeNs(guest: SimulatedGuest, clock: Clock): bigint {
  if (!guest.active) return 0n;
  return BigInt(Math.round((clock.monotonicMs() - guest.startedAtMs) * 200_000));
}

/** Of a disk that is a file here, by its target or its path. */
function blockInfo(host: SimulatedHost, guest: SimulatedGuest, disk: string) {
  const named = guest.definition.fileDisks.find(({ target, path }) => target === disk || path === disk);
  const file = named === undefined ? undefined : host.files.get(named.path);
  if (file === undefined) throw invalidArgument(`invalid path ${disk} not assigned to domain`);
  const { capacityBytes, sizeBytes, allocationBytes } = file;
  return { capacity: BigInt(capacityBytes), allocation: BigInt(allocationBytes), physical: BigInt(sizeBytes) };
}

function xmlOf(guest: SimulatedGuest, flags: number): string {
  const inactive = (flags & VIR_DOMAIN_XML.VIR_DOMAIN_XML_INACTIVE) !== 0;
  if (inactive) return formatDomainXml(guest.persistentDefinition);
  return formatDomainXml(guest.definition, guest.active ? guest.id : undefined);
}

const LIST = VIR_CONNECT_LIST_DOMAINS;

/** libvirt's filters: within a group any one set flag must fit, a group without flags fits all. */
const FILTER_GROUPS: readonly (readonly (readonly [flag: number, fits: (guest: SimulatedGuest) => boolean])[])[] = [
  [
    [LIST.VIR_CONNECT_LIST_DOMAINS_ACTIVE, (guest) => guest.active],
    [LIST.VIR_CONNECT_LIST_DOMAINS_INACTIVE, (guest) => !guest.active],
  ],
  [
    [LIST.VIR_CONNECT_LIST_DOMAINS_PERSISTENT, (guest) => guest.persistent],
    [LIST.VIR_CONNECT_LIST_DOMAINS_TRANSIENT, (guest) => !guest.persistent],
  ],
  [
    [LIST.VIR_CONNECT_LIST_DOMAINS_RUNNING, (guest) => guest.running],
    [LIST.VIR_CONNECT_LIST_DOMAINS_PAUSED, (guest) => guest.state === VIR_DOMAIN_STATE.VIR_DOMAIN_PAUSED],
    [LIST.VIR_CONNECT_LIST_DOMAINS_SHUTOFF, (guest) => guest.state === VIR_DOMAIN_STATE.VIR_DOMAIN_SHUTOFF],
  ],
  [
    [LIST.VIR_CONNECT_LIST_DOMAINS_AUTOSTART, (guest) => guest.autostart],
    [LIST.VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, (guest) => !guest.autostart],
  ],
];

function passes(guest: SimulatedGuest, flags: number): boolean {
  return FILTER_GROUPS.every((group) => {
    const asked = group.filter(([flag]) => (flags & flag) !== 0);
    return asked.length === 0 || asked.some(([, fits]) => fits(guest));
  });
}
