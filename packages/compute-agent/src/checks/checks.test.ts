import { failedChecks } from "@drover/model";
import { describe, expect, test } from "vitest";
import type { GuestDefinition, GuestDisk } from "../guest/guest-definition.ts";
import { type DestinationFacts, destinationChecks } from "./destination-checks.ts";
import { type SourceFacts, sourceChecks } from "./source-checks.ts";

const networkDisk: GuestDisk = {
  ...{
    target: "vda",
    device: "disk",
    type: "network",
    format: "raw",
    source: "pool/web",
    volume: null,
    protocol: "rbd",
  },
  ...{ readOnly: false, shareable: false, transient: false, encrypted: false, servers: [], endpoints: [], backing: [] },
};

const definition: GuestDefinition = {
  virtType: "kvm",
  arch: "x86_64",
  machineType: "pc-q35-7.2",
  emulator: null,
  memoryKiB: 1_048_576,
  vcpus: 2,
  cpuXml: null,
  cpuMode: null,
  disks: [networkDisk],
  pinnedDevices: [],
};

const source: SourceFacts = {
  host: "h1",
  serverUuid: "11111111-1111-4111-8111-111111111111",
  serverName: "web",
  guest: { powerState: "running", definition },
  jobUnderWay: false,
  blockMigration: null,
  storageIsProved: false,
};

function withDefinition(change: Partial<GuestDefinition>): Partial<SourceFacts> {
  return { guest: { powerState: "running", definition: { ...definition, ...change } } };
}

const localDisk: GuestDisk = { ...networkDisk, target: "vdb", type: "file", source: "/var/lib/images/web.qcow2" };
const deviceOfHost: GuestDisk = { ...networkDisk, target: "vdb", type: "block", source: "/dev/sdc" };

describe("sourceChecks", () => {
  test.each<[string, Partial<SourceFacts>, string[]]>([
    ["a running guest on network storage may leave", {}, []],
    ["a paused one too", { guest: { powerState: "paused", definition } }, []],
    ["a guest that is not here", { guest: null }, ["guest-exists"]],
    ["a guest that is shut off", { guest: { powerState: "shutoff", definition } }, ["guest-active"]],
    ["a guest in a job", { jobUnderWay: true }, ["no-job"]],
    ["a guest with a host device", withDefinition({ pinnedDevices: ["host device (pci)"] }), ["host-devices"]],
    ["a guest with a local disk", withDefinition({ disks: [localDisk] }), []],
    ["a guest with a device of the host", withDefinition({ disks: [deviceOfHost] }), ["storage"]],
    ["an empty drive", withDefinition({ disks: [{ ...localDisk, source: null }] }), []],
    ["copying disks that was asked for, and there are none", { blockMigration: true }, ["storage"]],
    [
      "copying disks that was asked for",
      { blockMigration: true, ...withDefinition({ disks: [networkDisk, localDisk] }) },
      [],
    ],
    [
      "a local disk that is not to be copied",
      { blockMigration: false, ...withDefinition({ disks: [localDisk] }) },
      ["storage"],
    ],
    [
      "read-only content is local, too",
      { blockMigration: false, ...withDefinition({ disks: [{ ...localDisk, readOnly: true }] }) },
      ["storage"],
    ],
    ["nothing to copy and none wanted", { blockMigration: false }, []],
    [
      "everything that is wrong is told at once",
      { jobUnderWay: true, ...withDefinition({ disks: [deviceOfHost], pinnedDevices: ["host device (usb)"] }) },
      ["no-job", "host-devices", "storage"],
    ],
  ])("%s", (_, change, failed) => {
    const checks = failedChecks(sourceChecks({ ...source, ...change }));
    expect(checks.map(({ check }) => check)).toEqual(failed);
  });

  test("a disk that cannot move is named with its remedy", () => {
    const [failed] = failedChecks(sourceChecks({ ...source, ...withDefinition({ disks: [deviceOfHost] }) }));
    expect(failed?.message).toContain("vdb (block /dev/sdc)");
    expect(failed?.message).toContain("network storage");
  });
});

const destination: DestinationFacts = {
  host: "h2",
  serverUuid: source.serverUuid,
  serverName: "web",
  sourceHost: "h1",
  requirements: {
    memoryKiB: 1_048_576,
    vcpus: 2,
    cpuXml: "<cpu/>",
    virtType: "kvm",
    machineType: "pc-q35-7.2",
    hypervisorVersion: 7_002_000,
    libvirtVersion: 9_000_000,
    hostUuid: "aaaaaaaa-0000-4000-8000-000000000001",
    disks: [],
  },
  capabilities: {
    hostUuid: "aaaaaaaa-0000-4000-8000-000000000002",
    cpuArch: "x86_64",
    cpuModel: "Skylake",
    cpuXml: null,
    qemuUid: 0,
    offered: [{ arch: "x86_64", virtTypes: ["kvm"], machineTypes: { kvm: ["pc-q35-7.2"] } }],
  },
  hypervisorVersion: 7_002_000,
  libvirtVersion: 9_000_000,
  memoryAvailableKiB: 1_048_576,
  nameHolder: null,
  uuidTaken: false,
  cpu: { kind: "superset" },
  inboundAddress: "h2",
  inbound: { listenAddress: "h2" },
  consoleAddress: "h2",
  consoles: { listenAddress: "h2" },
  networks: { prod: "br-prod" },
  disks: [],
  blockMigration: null,
  unreached: [],
};

const required = destination.requirements;
const copied: DestinationFacts["requirements"] = {
  ...required,
  disks: [
    {
      ...{ target: "vda", need: "copy", path: "/images/a", format: "qcow2", reason: "it is a local file" },
      ...{ capacityBytes: 1, writtenBytes: 1 },
    },
  ],
};
const encrypted: DestinationFacts["requirements"] = {
  ...required,
  libvirtVersion: 3_001_000,
  nativeTls: { required: true, missing: null, authorityPem: null, clientPem: null },
};

describe("what releases cannot do together", () => {
  test.each([
    [
      "a machine type that is newer than the destination's QEMU",
      { requirements: { ...required, machineType: "pc-q35-9.0" } },
      "QEMU on h2 does not offer the machine type pc-q35-9.0; it came with QEMU 9.0.0, and 7.2.0 is there: upgrade it",
    ],
    [
      "one that QEMU has dropped",
      { requirements: { ...required, machineType: "pc-i440fx-2.3" }, hypervisorVersion: 10_000_000 },
      "QEMU on h2 does not offer the machine type pc-i440fx-2.3; it came with QEMU 2.3.0, and 10.0.0 has it no more: give " +
        "the guest a newer one while it is shut off",
    ],
    [
      "a distribution's own",
      { requirements: { ...required, machineType: "pc-q35-rhel8.6.0" } },
      "QEMU on h2 does not offer the machine type pc-q35-rhel8.6.0; install a QEMU that has it",
    ],
    [
      "a libvirt that is too old on both hosts",
      { requirements: { ...copied, libvirtVersion: 1_002_010 }, libvirtVersion: 1_002_009 },
      "copying some of a guest's disks (migrate_disks) needs libvirt 1.2.17, and h1 has 1.2.10; copying some of a guest's " +
        "disks (migrate_disks) needs libvirt 1.2.17, and h2 has 1.2.9: upgrade it",
    ],
  ])("%s is told with both versions", (_, change, message) => {
    const [failed] = failedChecks(destinationChecks({ ...destination, ...change }));
    expect(failed?.message).toBe(message);
  });

  test("an older libvirt is named, and bars nothing", () => {
    const checks = destinationChecks({ ...destination, libvirtVersion: 8_000_000 });
    expect(checks.find(({ check }) => check === "libvirt-version")).toMatchObject({
      passed: true,
      message: expect.stringMatching(/9\.0\.0 on h1 and 8\.0\.0 on h2; an older one may not know/),
    });
  });
});

describe("destinationChecks", () => {
  test.each<[string, Partial<DestinationFacts>, string[]]>([
    ["a host that has all of it may take the guest", {}, []],
    [
      "the same machine",
      { requirements: { ...required, hostUuid: destination.capabilities.hostUuid } },
      ["other-host"],
    ],
    ["a name in use", { nameHolder: "22222222-2222-4222-8222-222222222222" }, ["name-free"]],
    ["its own leftover holds its name rightly", { nameHolder: source.serverUuid, uuidTaken: true }, ["uuid-free"]],
    ["one KiB too little memory", { memoryAvailableKiB: 1_048_575 }, ["memory-free"]],
    ["an incompatible CPU", { cpu: { kind: "incompatible" } }, ["cpu-compatible"]],
    ["a libvirt that cannot compare bars nothing", { cpu: { kind: "unsupported", reason: "no support" } }, []],
    ["no CPU asked for", { cpu: { kind: "not-asked" } }, []],
    ["a virt type not offered", { requirements: { ...required, virtType: "qemu" } }, ["virt-type", "machine-type"]],
    ["a machine type not offered", { requirements: { ...required, machineType: "pc-q35-9.0" } }, ["machine-type"]],
    ["an older hypervisor", { hypervisorVersion: 7_001_999 }, ["hypervisor-version"]],
    ["a newer hypervisor", { hypervisorVersion: 8_000_000 }, []],
    [
      "a disk that cannot come",
      { disks: [{ target: "vda", action: "refuse", reason: "/images/a exists on h2: move it away" }] },
      ["storage"],
    ],
    ["no place for consoles, where none is needed", { consoles: { problem: "does not resolve" } }, []],
    [
      "consoles that have no place",
      {
        consoles: { problem: "does not resolve" },
        requirements: { ...required, consoleAddresses: ["192.0.2.1"] },
      },
      ["consoles"],
    ],
    ["consoles that have one", { requirements: { ...required, consoleAddresses: ["192.0.2.1"] } }, []],
    ["a network by its name here", { requirements: { ...required, networks: ["prod"] } }, []],
    ["a network without one", { requirements: { ...required, networks: ["prod", "dmz"] } }, ["networks"]],
    ["a copy that was asked for, of no disk", { blockMigration: true }, ["block-migration"]],
    ["no copy, of no disk", { blockMigration: false }, []],
    ["an older libvirt that can do all that is needed", { libvirtVersion: 8_000_000 }, []],
    [
      "a libvirt that copies all disks or none",
      { libvirtVersion: 1_002_016, requirements: copied },
      ["libvirt-version"],
    ],
    ["a libvirt without TLS where it is demanded", { requirements: encrypted }, ["libvirt-version"]],
    [
      "network storage out of reach",
      { unreached: ["vda: of the 1 servers of its storage none answers"] },
      ["storage-reach"],
    ],
    ["an address nobody knows", { inbound: { problem: "does not resolve" } }, ["inbound-address"]],
  ])("%s", (_, change, failed) => {
    const checks = destinationChecks({ ...destination, ...change });
    expect(failedChecks(checks).map(({ check }) => check)).toEqual(failed);
    expect(checks).toHaveLength(15);
    expect(checks.every(({ message }) => message.length > 10)).toBe(true);
  });
});
