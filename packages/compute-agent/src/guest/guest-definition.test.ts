import { describe, expect, test } from "vitest";
import { readGuestDefinition } from "./guest-definition.ts";
import { readHostCapabilities } from "./host-capabilities.ts";

function domain(devices: string, memory = '<memory unit="KiB">524288</memory>'): string {
  return `<domain type='kvm' id='3'>
  <name>web</name>
  ${memory}
  <vcpu placement='static'>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>Haswell-noTSX</model>
    <feature policy='disable' name='xsaves'/>
  </cpu>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${devices}</devices>
</domain>`;
}

describe("readGuestDefinition", () => {
  test("reads what checks look at", () => {
    expect(readGuestDefinition(domain(""))).toMatchObject({
      virtType: "kvm",
      arch: "x86_64",
      machineType: "pc-q35-7.2",
      emulator: "/usr/bin/qemu-system-x86_64",
      memoryKiB: 524_288,
      vcpus: 2,
      cpuMode: "custom",
      disks: [],
      pinnedDevices: [],
    });
  });

  test("gives the <cpu> element as it was, in its order", () => {
    expect(readGuestDefinition(domain("")).cpuXml?.replaceAll("'", '"')).toBe(
      '<cpu mode="custom" match="exact" check="full"><model fallback="forbid">Haswell-noTSX</model>' +
        '<feature policy="disable" name="xsaves"></feature></cpu>',
    );
  });

  test.each([
    ["<memory unit='MiB'>512</memory>", 524_288],
    ["<memory unit='GiB'>2</memory>", 2_097_152],
    ["<memory>1024</memory>", 1024],
    ["<memory unit='MB'>1</memory>", 977],
  ])("%s is %i KiB", (memory, memoryKiB) => {
    expect(readGuestDefinition(domain("", memory)).memoryKiB).toBe(memoryKiB);
  });

  test("tells disks apart by where they lie", () => {
    const { disks } = readGuestDefinition(
      domain(`
      <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/var/lib/a.qcow2'/>
        <backingStore type='file'><format type='qcow2'/><source file='/base/b.qcow2'/>
          <backingStore type='file'><format type='raw'/><source file='/base/c.raw'/><backingStore/></backingStore>
        </backingStore><target dev='vda'/></disk>
      <disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='rbd' name='pool/b'>
        <host name='mon1' port='6789'/><host name='mon2'/></source><target dev='vdb'/></disk>
      <disk type='volume'><source pool='p' volume='v'/><target dev='vdp'/></disk>
      <disk type='network'><source protocol='nbd'><host transport='unix' socket='/run/nbd'/></source>
        <target dev='vdc'/></disk>
      <disk type='block' device='lun'><source dev='/dev/sdc'/><target dev='sdd'/><shareable/></disk>
      <disk type='file' device='cdrom'><source file='/iso'/><target dev='sda'/><readonly/></disk>
      <disk type='file' device='cdrom'><target dev='sdb'/><readonly/></disk>
      <disk type='file' device='cdrom'><source index='1'/><target dev='sde'/><readonly/></disk>
      <disk type='block' device='cdrom'><source startupPolicy='optional'/><target dev='sdf'/><readonly/></disk>
      <disk type='file'><source file='/secret'><encryption format='luks'/></source><target dev='vde'/><transient/></disk>`),
    );
    const plain = {
      ...{
        device: "disk",
        type: "file",
        format: "raw",
        volume: null,
        protocol: null,
        servers: [],
        endpoints: [],
        backing: [],
      },
      ...{ readOnly: false, shareable: false, transient: false, encrypted: false },
    };
    const backing = ["/base/b.qcow2", "/base/c.raw"].map((source) => ({ type: "file", source }));
    const network = { ...plain, type: "network" };
    expect(disks).toEqual([
      { ...plain, target: "vda", format: "qcow2", source: "/var/lib/a.qcow2", backing },
      {
        ...{ ...network, target: "vdb", protocol: "rbd", source: "pool/b", servers: ["mon1", "mon2"] },
        // The other monitor may listen on either of two ports.
        endpoints: [{ address: "mon1", port: 6789 }],
      },
      { ...plain, target: "vdp", type: "volume", source: "v", volume: { pool: "p", name: "v" } },
      { ...network, target: "vdc", protocol: "nbd", source: "network", servers: ["/run/nbd"] },
      { ...plain, target: "sdd", device: "lun", type: "block", source: "/dev/sdc", shareable: true },
      { ...plain, target: "sda", device: "cdrom", source: "/iso", readOnly: true },
      { ...plain, target: "sdb", device: "cdrom", source: null, readOnly: true },
      { ...plain, target: "sde", device: "cdrom", source: null, readOnly: true },
      { ...plain, target: "sdf", device: "cdrom", type: "block", source: null, readOnly: true },
      { ...plain, target: "vde", source: "/secret", encrypted: true, transient: true },
    ]);
  });

  test("names the devices that pin a guest to its host", () => {
    const { pinnedDevices } = readGuestDefinition(
      domain(`<hostdev mode='subsystem' type='pci'/><interface type='hostdev'/><interface type='bridge'/>
      <filesystem type='mount'><source dir='/srv'/></filesystem>`),
    );
    expect(pinnedDevices).toEqual(["host device (pci)", "network interface on a host device", "shared folder (/srv)"]);
  });

  test.each(["", "not xml", "<capabilities/>", "<domain"])("%j is refused as bytes that cannot be trusted", (xml) => {
    expect(() => readGuestDefinition(xml)).toThrow(expect.objectContaining({ code: "protocol" }));
  });
});

test("capabilities tell the host's CPU and what it offers by virt type", () => {
  const capabilities = readHostCapabilities(`<capabilities>
    <host><uuid>cccccccc-0000-4000-8000-000000000001</uuid><cpu><arch>x86_64</arch><model>Skylake</model></cpu>
      <secmodel><model>apparmor</model></secmodel>
      <secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+64055</baselabel></secmodel></host>
    <guest><os_type>hvm</os_type><arch name='x86_64'>
      <machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine><machine maxCpus='288'>pc-q35-7.2</machine>
      <domain type='qemu'/><domain type='kvm'><machine>pc-q35-7.2</machine></domain>
    </arch></guest></capabilities>`);
  expect(capabilities).toMatchObject({
    hostUuid: "cccccccc-0000-4000-8000-000000000001",
    cpuArch: "x86_64",
    cpuModel: "Skylake",
    qemuUid: 64_055,
    offered: [
      {
        arch: "x86_64",
        virtTypes: ["qemu", "kvm"],
        machineTypes: { qemu: ["q35", "pc-q35-7.2"], kvm: ["pc-q35-7.2"] },
      },
    ],
  });
});
